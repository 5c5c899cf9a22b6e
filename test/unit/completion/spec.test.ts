/** What is completed is what `--help` shows: neither is written by hand. */

import { expect } from 'chai';
import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { buildProgram } from '../../../src/cli/parse.js';
import { allCommands } from '../../../src/cli/program.js';
import { describeCommands } from '../../../src/completion/spec.js';
import { renderTable, SHELLS } from '../../../src/completion/table.js';

const program = buildProgram(allCommands(), '0');
const specs = describeCommands(program);
const specOf = (path: string) => specs.find((spec) => spec.path === path);

/** The first words in the sections of `--help`: of commands, or the spellings of options. */
function inHelp(command: Command, what: 'commands' | 'options'): string[] {
  const [, ...sections] = command.helpInformation().split(/^(?=\S.*:$)/m);
  const isWanted = (section: string): boolean =>
    !section.startsWith('Arguments:') && /^(Global )?Options:/.test(section) === (what === 'options');
  const terms = sections
    .filter(isWanted)
    .flatMap((section) => [...section.matchAll(/^ {2}(\S.*?)(?: {2}|$)/gm)].map(([, term = '']) => term));
  return what === 'commands'
    ? terms.map((term) => term.split(/[ |]/)[0] ?? '')
    : terms.flatMap((term) => term.split(', ').map((each) => each.split(' ')[0] ?? ''));
}

function* all(command: Command, path: string): Generator<[string, Command]> {
  yield [path, command];
  for (const each of command.createHelp().visibleCommands(command)) {
    yield* all(each, `${path} ${each.name()}`.trimStart());
  }
}

describe('completion/spec', () => {
  for (const [path, command] of all(program, '')) {
    it(`rnetns ${path}: every command and option of its --help`, () => {
      const spec = specOf(path);
      expect(spec?.commands.map(({ name }) => name)).to.have.members(inHelp(command, 'commands'));
      const spellings = spec?.options.flatMap((option) => option.spellings);
      expect(spellings).to.include.members(inHelp(command, 'options'));
      expect(spellings, 'each once').to.have.lengthOf(new Set(spellings).size);
    });
  }

  it('shows no hidden command', () => {
    expect(specOf('cni')?.commands.map(({ name }) => name))
      .to.include('add')
      .and.not.include('plugin');
    expect(specOf('ensure')).to.equal(undefined);
  });

  it('knows every option of the launcher', () => {
    // The options with a value, which stand in one pattern of the script.
    const pattern = /^ {4}(-n \| --name \| .*)\) rn_skip=1 ;;$/m.exec(readFileSync('scripts/rnetns', 'utf8'))?.[1];
    const options = specs.flatMap((spec) => spec.options).filter(({ value }) => value !== undefined);
    expect(options.flatMap(({ spellings }) => spellings)).to.include.members(pattern?.split(' | ') ?? ['none found']);
  });

  it('what stands after an option or a command is known', () => {
    const valueOf = (path: string, long: string) =>
      specOf(path)?.options.find(({ spellings }) => spellings.includes(long))?.value;
    expect(valueOf('run', '--name')).to.equal('namespaces');
    expect(valueOf('netns delete', '--config'), 'taken from the command above').to.equal('files');
    expect(valueOf('cni add', '--ifname')).to.equal('nothing');
    expect(valueOf('status', '--json')).to.equal(undefined);
    expect(valueOf('graph', '--format')).to.equal('tree dot mermaid svg');
    expect(specOf('run')?.operands).to.deep.equal(['command']);
    expect(specOf('netns exec')?.operands.slice(0, 2)).to.deep.equal(['names', 'command']);
    expect(specOf('netns add')?.operands).to.deep.equal(['nothing']);
    expect(specOf('cni add')?.operands).to.deep.equal(['networks', 'references', 'names files']);
    expect(specOf('shell')?.operands).to.deep.equal([]);
    expect(specOf('netns help')?.operands[0]?.split(' ')).to.include('delete');
  });
});

describe('completion/table', () => {
  it('has every command and option in it, for each shell', () => {
    for (const shell of SHELLS) {
      const table = renderTable(specs, shell);
      for (const { path, options } of specs) {
        expect(table, shell).to.include(`'${path}'`);
        for (const spelling of options.flatMap(({ spellings }) => spellings))
          expect(table, `${shell} ${path}`).to.include(`'${spelling}`);
      }
    }
  });

  it('quotes what means something to the shell', () => {
    const description = `it's $HOME \\ "x" \`y\``;
    const spec = { path: '', commands: [{ name: 'a', description }], options: [], operands: [] };
    expect(renderTable([spec], 'zsh')).to.include(`('a:it'\\''s $HOME \\ "x" \`y\`')`);
    expect(renderTable([spec], 'fish')).to.include(`'a\tit\\'s $HOME \\\\ "x" \`y\`'`);
  });
});
