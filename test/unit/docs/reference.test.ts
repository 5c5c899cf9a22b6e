import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { defaultConfig } from '../../../src/config/defaults.js';
import { KEYS } from '../../../src/config/keys.js';
import { CHECKS } from '../../../src/doctor/ids.js';
import { ERROR_CODES, EXIT } from '../../../src/errors/error.js';

/** The rows of the Markdown tables in a section, each as its cells; the section ends at the next heading of its level. */
function rows(file: string, heading: string): string[][] {
  const lines = readFileSync(file, 'utf8').split('\n');
  const start = lines.indexOf(heading);
  expect(start, `${file} has the heading ${heading}`).to.be.at.least(0);
  const level = heading.replace(/[^#].*$/, '');
  const after = lines.slice(start + 1);
  const end = after.findIndex((line) => /^#+ /.test(line) && line.replace(/[^#].*$/, '').length <= level.length);
  return after
    .slice(0, end < 0 ? undefined : end)
    .filter((line) => line.startsWith('|') && !/^\|[\s|:-]+$/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}

/** What a cell holds between its first backticks. */
const code = (cell = ''): string => /^`([^`]*)`/.exec(cell)?.[1] ?? '';
const named = (table: string[][], pattern: RegExp): string[] =>
  table.map(([first]) => code(first)).filter((name) => pattern.test(name));

const CODES = Object.keys(ERROR_CODES);

describe('docs: the lists in the documentation are those of the code', () => {
  it('docs/reference.md: every error code, once, with its meaning', () => {
    const table = rows('docs/reference.md', '## Error codes');
    expect(named(table, /^ERR_/)).to.have.members([...CODES, 'ERR_INTERNAL']);
    for (const [name, meaning] of Object.entries(ERROR_CODES)) {
      expect(table.find(([first]) => code(first) === name)?.[1], name).to.equal(meaning);
    }
  });

  it('README.md: what to do about every error code', () => {
    const table = rows('README.md', '## Troubleshooting').filter(([first]) => code(first).startsWith('ERR_'));
    expect(named(table, /^ERR_/)).to.have.members(CODES);
    for (const [first, cause, remedy] of table) {
      expect(cause, `${String(first)}: cause`).to.match(/\w/);
      expect(remedy, `${String(first)}: what to do`).to.match(/\w/);
    }
  });

  it('docs/reference.md: every settings key, once, with its default', () => {
    const table = rows('docs/reference.md', '### Keys');
    const names = KEYS.map(({ section, name, kind }) => `${section}.${name}${kind === 'list' ? '[]' : ''}`);
    expect(named(table, /\./)).to.have.ordered.members(names);
    for (const [index, key] of KEYS.entries()) {
      const value = key.get(defaultConfig());
      const shown = [value ?? []].flat().map((item) => `\`${item}\``);
      const cell = table.find(([first]) => code(first) === names[index])?.[1];
      expect(cell, names[index]).to.equal(shown.length === 0 ? 'empty' : shown.join(' '));
    }
  });

  it('configs/rnetns.conf: every settings key', () => {
    const text = readFileSync('configs/rnetns.conf', 'utf8');
    for (const { name, kind } of KEYS) expect(text).to.include(`\n;${name}${kind === 'list' ? '[]' : ''} =`);
  });

  it('docs/reference.md: every exit status of ours', () => {
    const table = rows('docs/reference.md', '## Exit status');
    expect(table.map(([first]) => code(first))).to.include.members(Object.values(EXIT).map(String));
  });

  it('docs/reference.md: every check of doctor, in its order, with what it tries', () => {
    const table = rows('docs/reference.md', '## Doctor').filter(([first]) => code(first) !== '');
    expect(table.map(([first, tries]) => [code(first), tries])).to.deep.equal(Object.entries(CHECKS));
  });
});
