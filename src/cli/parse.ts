import { Command, CommanderError, Option } from 'commander';
import { LOG_LEVELS } from '../config/config.js';
import { nearest } from '../config/nearest.js';
import { EXIT, RnetnsError } from '../errors/error.js';
import { DEFAULT_NAME } from '../state/runtime.js';
import { version } from './version.js';

/**
 * The whole command line, with the options of all; the man pages are made from it as well.
 *
 * @param commands - those that there are.
 */
export function buildProgram(commands: readonly Command[], packageVersion: string): Command {
  const program = new Command('rnetns')
    .description('One shared network namespace per unprivileged user: made on first use, gone after the last.')
    .version(packageVersion, '-V, --version')
    .showHelpAfterError(false);
  for (const command of commands) program.addCommand(addCommonOptions(command));
  addCommonOptions(program).option('--json', 'data and errors as JSON');
  throwErrors(program, []);
  return program;
}

/** Parse a command line and run it. */
export async function runCommands(args: readonly string[], commands: readonly Command[]): Promise<number> {
  const program = buildProgram(commands, version());
  try {
    await program.parseAsync([...args], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    throw error;
  }
}

/** Every command has these; given before the command they count as well. */
function addCommonOptions(command: Command): Command {
  return command
    .addOption(new Option('-n, --name <name>', `which shared namespace (default: "${DEFAULT_NAME}")`))
    .addOption(new Option('--config <file>', 'a settings file over all others'))
    .addOption(new Option('--log-level <level>', 'how much to tell').choices(LOG_LEVELS));
}

/**
 * What is wrong with the command line is thrown, also by the commands of a command: they inherit nothing.
 *
 * @param path - the words that lead to it: `netns`, `add`.
 */
function throwErrors(command: Command, path: readonly string[]): void {
  command
    .configureOutput({ outputError: () => undefined })
    .hook('preSubcommand', (_, chosen) => refuseUnknown(command, chosen, path))
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : wrongUsage(error, path);
    });
  for (const below of command.commands) throwErrors(below, [...path, below.name()]);
}

/** commander takes a word that is no command for an argument of the default one: `netns` alone is `netns list`. */
function refuseUnknown(command: Command, chosen: Command, path: readonly string[]): void {
  const [word] = command.args;
  if (word === undefined || word.startsWith('-') || [chosen.name(), ...chosen.aliases()].includes(word)) return;
  const known = command
    .createHelp()
    .visibleCommands(command)
    .map((each) => each.name());
  throw usageError(unknown(`unknown command '${word}'`, path), path, nearest(word, known));
}

function unknown(text: string, path: readonly string[]): string {
  return path.length === 0 ? text : `${text} of ${path.join(' ')}`;
}

function wrongUsage({ code, message }: CommanderError, path: readonly string[]): RnetnsError {
  if (code === 'commander.help') return usageError('a command is missing', path);
  const [, text = message, meant] = /^(?:error: )?(.*?)(?:\n\(Did you mean (.*)\?\))?$/s.exec(message) ?? [];
  return usageError(code === 'commander.unknownCommand' ? unknown(text, path) : text, path, meant);
}

function usageError(message: string, path: readonly string[], meant?: string): RnetnsError {
  const help = ['rnetns', ...path, '--help'].join(' ');
  return new RnetnsError('ERR_USAGE', message, {
    hint: meant === undefined ? help : `did you mean ${meant}? ${help}`,
  });
}
