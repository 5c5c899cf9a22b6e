import { Command, CommanderError, Option } from 'commander';
import { LOG_LEVELS } from '../config/config.js';
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
  throwErrors(program);
  return program;
}

/** Parse a command line and run it. */
export async function runCommands(args: readonly string[], commands: readonly Command[]): Promise<number> {
  const program = buildProgram(commands, version());
  try {
    await program.parseAsync([...args], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok;
    const text = error.message.replace(/^error: /, '');
    throw new RnetnsError('ERR_USAGE', error.code === 'commander.help' ? 'a command is missing' : text, {
      hint: 'rnetns --help',
    });
  }
}

/** Every command has these; given before the command they count as well. */
function addCommonOptions(command: Command): Command {
  return command
    .addOption(new Option('-n, --name <name>', `which shared namespace (default: "${DEFAULT_NAME}")`))
    .addOption(new Option('--config <file>', 'a settings file over all others'))
    .addOption(new Option('--log-level <level>', 'how much to tell').choices(LOG_LEVELS));
}

/** What is wrong with the command line is thrown, also by the commands of a command: they inherit nothing. */
function throwErrors(command: Command): void {
  command.configureOutput({ outputError: () => undefined }).exitOverride();
  for (const below of command.commands) throwErrors(below);
}
