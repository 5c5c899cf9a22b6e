/** The man pages: made from the command line's own definitions, complete, and roff that groff has nothing to say about. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Command } from 'commander';
import fc from 'fast-check';
import { leavesOf } from '../../../scripts/dev/man/commands.js';
import { manPages, type ManPage } from '../../../scripts/dev/man/pages.js';
import { escape, escapeCode, example, page } from '../../../scripts/dev/man/roff.js';
import { buildProgram } from '../../../src/cli/parse.js';
import { allCommands } from '../../../src/cli/program.js';
import { lacks, requires } from '../../fixtures/requirements.js';
import { projectRoot } from '../../fixtures/rnetns.js';

const newProgram = (): Command => buildProgram(allCommands(), '1.2.3');
const pagesOf = (program: Command): ManPage[] =>
  manPages({ program, root: projectRoot, version: '1.2.3', date: new Date('2026-01-31T12:00:00Z') });

/** As a terminal shows it, without bold and underlining. */
function render(text: string): { stdout: string; stderr: string } {
  const { stdout, stderr } = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-P-cbou', '-rLL=80n', '-'], {
    input: text,
    encoding: 'utf8',
    timeout: 10_000,
  });
  return { stdout, stderr };
}

describe('docs: man pages', () => {
  const pages = pagesOf(newProgram());

  it('package.json has each of them, and no other', () => {
    const { man } = JSON.parse(readFileSync('package.json', 'utf8')) as { man: string[] };
    expect(man).to.have.members(pages.map(({ file }) => `man/${file}`));
  });

  it('every command has its part in one of them, with its options, and a line in rnetns(1)', () => {
    const leaves = leavesOf(newProgram());
    expect(leaves.map(({ name }) => name)).to.include.members(['run', 'netns exec', 'cni add', 'sysctl verify']);
    const main = pages.find(({ file }) => file === 'rnetns.1')?.text ?? '';
    const common = /^\.SH "OPTIONS"\n([^]*?)^\.SH/m.exec(main)?.[1] ?? '';
    for (const { name, command } of leaves) {
      const words = name.split(' ').map((word) => `\\fB${escapeCode(word)}\\fR`);
      const heading = `.SS \\fBrnetns\\fR ${words.join(' ')}`;
      const having = pages.filter(({ text }) =>
        // An alias stands behind it: delete|del.
        text
          .split('\n')
          .some((line) => line === heading || [' ', '|'].some((next) => line.startsWith(`${heading}${next}`))),
      );
      expect(having, name).to.have.lengthOf(1);
      expect(main, name).to.include(`.TP\n\\fB${escapeCode(name)}\\fR\n`);
      const [, part = ''] = `${having[0]?.text ?? ''}\n.S`.split(heading);
      const own = part.split('\n.S')[0] ?? '';
      for (const { long } of command.createHelp().visibleOptions(command)) {
        const text = `\\fB${escapeCode(long ?? '')}\\fR`;
        expect(own.includes(text) || common.includes(text), `${name} ${String(long)}`).to.equal(true);
      }
    }
  });

  it('what the help hides they hide too', () => {
    for (const { file, text } of pages)
      expect(text, file).to.not.match(/--generation|\\-\\-tree|\\-\\-unused|cni plugin/);
  });

  it('a command that nobody has given a page is an error', () => {
    const program = newProgram();
    program.addCommand(new Command('frobnicate'));
    expect(() => pagesOf(program)).to.throw(/in no man page: frobnicate; add it to/);
  });

  it('a new option is on its page by itself', () => {
    const program = newProgram();
    program.commands.find((command) => command.name() === 'run')?.option('--frob <thing>', 'do it so');
    const page = pagesOf(program).find(({ file }) => file === 'rnetns-run.1')?.text;
    expect(page).to.include('.TP\n\\fB\\-\\-frob\\fR \\fITHING\\fR\nDo it so.\n');
  });

  it('rnetns.conf(5) has every key, as the reference and the sample file have', () => {
    const conf = pages.find(({ file }) => file === 'rnetns.conf.5')?.text ?? '';
    expect(conf).to.include('.TP\n\\fBrnetns.linger\\fR\n').and.include('Default: \\fB2\\fR.');
  });

  for (const { file, text } of pages) {
    it(`${file}: plain ASCII, and groff reads it without a warning`, function () {
      expect(text).to.match(/^[\n\x20-\x7e]*$/);
      for (const line of text.split('\n').filter((each) => /^[.']/.test(each))) {
        expect(line).to.match(/^\.(\\"|TH|SH|SS|TP|PP|IP|RS|RE|EX|EE|ad|ds|br)( |$)/);
      }
      if (lacks('groff') !== undefined) requires(this, 'groff');
      const { stdout, stderr } = render(text);
      expect(stderr).to.equal('');
      expect(stdout)
        .to.include('1.2.3')
        .and.include('2026-01-31')
        .and.match(/\nNAME\n +rnetns/);
      // A construct that was not understood shows as itself.
      expect(stdout).to.not.match(/\\f[BIR]|\*\*\w|\]\(/);
    });
  }

  it('property: text is printed as it is, whatever roff would make of it', function () {
    requires(this, 'groff');
    const nasty = ['.SH x', "'br", '\\fBx', 'a\\\\b', '-v --long', "it's ~/a^b `c`", '"q" %s', '..', '\\n(xx', '…'];
    const word = fc.stringMatching(/^[!-~]{1,12}$/);
    const lines = fc.array(fc.oneof(fc.constantFrom(...nasty), word), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(lines, (given) => {
        const body = page(['.TH T 1 2026 a b'], ['.SH X', ...example(given), '.PP', escape('.end')]);
        const { stdout, stderr } = render(body);
        expect(stderr).to.equal('');
        const shown = stdout.split('\n').map((line) => line.trim());
        for (const line of given) expect(shown).to.include(line.replace('…', '...'));
        expect(shown).to.include('.end');
      }),
      { numRuns: 30 },
    );
  });
});
