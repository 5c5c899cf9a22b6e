import { Command, CommanderError, Option } from 'commander';
import { LOG_LEVELS } from '../config/config.js';
import { EXIT, type RnetnsError } from '../errors/error.js';
import { DEFAULT_NAME } from '../state/runtime.js';
import { loadSettings, type CommonOptions } from './context.js';
import { optionsAbove, type Called } from './suggest.js';
import { launcherUsage, unknownCommand, wrongUsage } from './usage.js';
import { version } from './version.js';

/** Of help, on a wider terminal too: lines as long as a wide terminal nobody can read. */
const HELP_COLUMNS = 80;

/**
 * The whole command line, with the options of all; the man pages are made from it as well.
 *
 * @param commands - those that there are.
 * @param json - help that nobody asked for is left out.
 */
export function buildProgram(commands: readonly Command[], packageVersion: string, json = false): Command {
  const program = new Command('rnetns')
    .description('One shared network namespace per unprivileged user: made on first use, gone after the last.')
    .usage('[options] <command>')
    .version(packageVersion, '-V, --version');
  for (const command of commands) program.addCommand(addCommonOptions(command));
  addCommonOptions(program).option('--json', 'data and errors as JSON');
  settle({ command: program, path: [] }, json);
  return program;
}

/** Parse a command line and run it. */
export async function runCommands(args: readonly string[], commands: readonly Command[]): Promise<number> {
  const program = buildProgram(commands, version(), args.includes('--json'));
  program.hook('preAction', (_, command) => checkGiven(command));
  try {
    await program.parseAsync([...args], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    throw error;
  }
}

/** @param words - the command, as the launcher has it: `netns add`. */
export function explainUsage(words: string, message: string, commands: readonly Command[]): RnetnsError {
  const path = words.split(' ');
  const command = path.reduce((above, word) => findBelow(above, word) ?? above, buildProgram(commands, version()));
  return launcherUsage(message, { command, path });
}

/** What is named by hand has to be there and right, also for a command that needs no settings. */
function checkGiven(command: Command): void {
  // It reports on settings itself.
  if (command.name() === 'doctor') return;
  loadSettings(command.optsWithGlobals<CommonOptions>(), { givenOnly: true });
}

/** Every command has these; given before the command they count as well. */
function addCommonOptions(command: Command): Command {
  return command
    .addOption(new Option('-n, --name <name>', `which shared namespace (default: "${DEFAULT_NAME}")`))
    .addOption(new Option('--config <file>', 'a settings file over all others'))
    .addOption(new Option('--log-level <level>', 'how much to tell').choices(LOG_LEVELS));
}

/** What all commands have alike, those of a command too: they inherit nothing. What is wrong is thrown. */
function settle(called: Called, json: boolean): void {
  const { command, path } = called;
  const columns = ({ columns: own }: NodeJS.WriteStream): number => Math.min(own || HELP_COLUMNS, HELP_COLUMNS);
  command
    .showHelpAfterError(false)
    .showSuggestionAfterError(false)
    .configureOutput({
      outputError: () => undefined,
      getOutHelpWidth: () => columns(process.stdout),
      getErrHelpWidth: () => columns(process.stderr),
      ...(json ? { writeErr: () => undefined } : {}),
    })
    .configureHelp({
      // With their operands they would leave no room for what they do; the help of each has those.
      subcommandTerm: (below) => [below.name(), ...below.aliases()].join('|'),
      showGlobalOptions: path.length > 1,
      visibleGlobalOptions: optionsAbove,
    })
    .hook('preSubcommand', (_, chosen) => refuseUnknown(called, chosen))
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : wrongUsage(error, called);
    });
  const [first] = command.commands;
  // With those that everybody needs.
  if (first !== undefined) command.helpCommand(false).addCommand(helpCommand(called).helpGroup(first.helpGroup()));
  for (const below of command.commands) settle({ command: below, path: [...path, below.name()] }, json);
}

/** commander's own takes any word, and shows the help for what it knows of them. */
function helpCommand(above: Called): Command {
  return new Command('help')
    .description('the help for a command')
    .argument('[command...]')
    .action((words: string[]) => {
      let { command, path } = above;
      for (const word of words) {
        const below = findBelow(command, word);
        if (below === undefined) throw unknownCommand(word, { command, path });
        [command, path] = [below, [...path, below.name()]];
      }
      command.outputHelp();
    });
}

function findBelow({ commands }: Command, word: string): Command | undefined {
  return commands.find((each) => each.name() === word || each.aliases().includes(word));
}

/** commander takes a word that is no command for an argument of the default one: `netns` alone is `netns list`. */
function refuseUnknown(called: Called, chosen: Command): void {
  const [word] = called.command.args;
  if (word === undefined || word.startsWith('-') || [chosen.name(), ...chosen.aliases()].includes(word)) return;
  throw unknownCommand(word, called);
}
