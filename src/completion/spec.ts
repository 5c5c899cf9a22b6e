import type { Argument, Command, Option } from 'commander';

/** What can stand after a command, or after `rnetns` itself. */
export interface CommandSpec {
  /** `netns add`; empty for rnetns itself. */
  path: string;
  commands: { name: string; description: string }[];
  options: {
    /** `-n`, `--name` */
    spellings: string[];
    /** undefined: it takes none. */
    value: Source | undefined;
    description: string;
  }[];
  operands: Source[];
}

/** What is offered: a kind that the scripts know, or words with blanks between them; `nothing` is offered nothing. */
export type Source = string;

/** Of operands, by the names that they have in `--help`. */
const OPERANDS: Record<string, Source> = {
  cmd: 'command',
  'container-id': 'references',
  directory: 'directories',
  file: 'files',
  name: 'names',
  netns: 'names files',
  network: 'networks',
};
/** Of values of options, by the option; else by the value's name, as for operands. */
const OPTIONS: Record<string, Source> = { '--name': 'namespaces', '--id': 'references', '--ifname': 'nothing' };
/** Names that are to be new. */
const NEW_NAMES = ['netns add', 'netns attach'];

/** Every command that `--help` shows, from commander's own tree: the program itself first, then those below each. */
export function describeCommands(program: Command): CommandSpec[] {
  return [...describe(program, '', [], [])];
}

/** @param siblings - names of the commands beside it, which is what `help` takes. */
function* describe(
  command: Command,
  path: string,
  inherited: readonly Option[],
  siblings: readonly string[],
): Generator<CommandSpec> {
  const help = command.createHelp();
  const below = help.visibleCommands(command);
  const own = help.visibleOptions(command);
  const options = [...own, ...inherited.filter((option) => !own.some(({ long }) => long === option.long))];
  yield {
    path,
    commands: below.map((each) => ({ name: each.name(), description: each.description() })),
    options: options.map((option) => ({
      spellings: [option.short, option.long].filter((spelling) => spelling != null),
      value: option.required || option.optional ? valueOf(option) : undefined,
      description: option.description,
    })),
    operands:
      command.name() === 'help'
        ? [siblings.join(' ')]
        : command.registeredArguments.map((argument) => operandOf(argument, path)),
  };
  // commander takes the options of a command below it as well. Those of the program each command has as its own.
  const [passed, names] = [path === '' ? [] : options, below.map((each) => each.name())];
  for (const each of below) yield* describe(each, `${path} ${each.name()}`.trimStart(), passed, names);
}

function valueOf({ argChoices, long, flags }: Option): Source {
  const name = /[<[]([^>\]]+)/.exec(flags)?.[1] ?? '';
  return argChoices?.join(' ') ?? OPTIONS[long ?? ''] ?? OPERANDS[name] ?? 'nothing';
}

function operandOf(argument: Argument, path: string): Source {
  if (argument.argChoices !== undefined) return argument.argChoices.join(' ');
  return NEW_NAMES.includes(path) ? 'nothing' : (OPERANDS[argument.name()] ?? 'nothing');
}
