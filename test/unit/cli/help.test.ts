import { expect } from 'chai';
import type { Command } from 'commander';
import { buildProgram } from '../../../src/cli/parse.js';
import { allCommands } from '../../../src/cli/program.js';

const program = buildProgram(allCommands(), '1.2.3');

function all(command: Command, path: readonly string[] = []): [words: string, command: Command][] {
  return [[path.join(' '), command], ...command.commands.flatMap((below) => all(below, [...path, below.name()]))];
}

/** As it is printed, on a terminal of that width. */
function helpOf(command: Command, columns: number): string {
  let text = '';
  const { columns: own } = process.stdout;
  process.stdout.columns = columns;
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  process.stdout.columns = own;
  return text;
}

describe('the help', () => {
  it('of every command has no line of more than 80 columns, however wide the terminal is', () => {
    const long = all(program).flatMap(([words, command]) =>
      [80, 200].flatMap((columns) =>
        helpOf(command, columns)
          .split('\n')
          .filter((line) => line.length > 80)
          .map((line) => `${words}: ${line}`),
      ),
    );
    expect(long).to.deep.equal([]);
  });

  it('groups the commands, each once', () => {
    const [, ...groups] = helpOf(program, 80).split(/^(?=\S.*:$)/m);
    const named = groups.map((group): [string, string[]] => {
      const [title = '', ...lines] = group.split('\n');
      return [title, lines.flatMap((line) => /^ {2}([a-z-]+)/.exec(line)?.[1] ?? [])];
    });
    const titles = named.map(([title]) => title);
    expect(titles).to.deep.equal(['Options:', 'Everyday:', 'Look inside:', 'For runtimes:', 'Networks:']);
    const commands = named.slice(1).flatMap(([, names]) => names);
    expect(commands.toSorted()).to.deep.equal(program.commands.map((each) => each.name()).toSorted());
    expect(commands.slice(0, 3)).to.deep.equal(['run', 'shell', 'status']);
  });

  it('of a command of a command has the options of the one above', () => {
    const add = program.commands
      .find((each) => each.name() === 'netns')
      ?.commands.find((each) => each.name() === 'add');
    expect(helpOf(add!, 80)).to.match(/^ {2}-n, --name <name> /m);
  });
});
