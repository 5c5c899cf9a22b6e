import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { LOG_LEVELS } from '../config/config.js';
import { EXIT, RnetnsError } from '../errors/error.js';
import { cniCommand } from './commands/cni.js';
import { configCommand } from './commands/config.js';
import { listCommand } from './commands/list.js';
import { netavarkCommand } from './commands/netavark.js';
import { netnsCommand } from './commands/netns.js';
import { ociHookCommand } from './commands/oci-hook.js';
import { pathCommand } from './commands/path.js';
import { planCommand } from './commands/plan.js';
import { psCommand } from './commands/ps.js';
import { repairCommand } from './commands/repair.js';
import { launcherCommands } from './commands/launcher.js';
import { statusCommand } from './commands/status.js';
import { stopCommand } from './commands/stop.js';
import { DEFAULT_NAME } from '../state/runtime.js';

/** Parse and run a command of Node's. commander is loaded only here: the launcher's own commands never need it. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const program = new Command('rnetns')
    .description('One shared network namespace per unprivileged user: made on first use, gone after the last.')
    .version(version(), '-V, --version')
    .showHelpAfterError(false)
    .configureOutput({ outputError: () => undefined })
    .exitOverride();
  for (const command of [
    ...launcherCommands(),
    statusCommand(),
    psCommand(),
    listCommand(),
    stopCommand(),
    repairCommand(),
    pathCommand(),
    netnsCommand(),
    netavarkCommand(),
    cniCommand(),
    ociHookCommand(),
    planCommand(),
    configCommand(),
  ]) {
    program.addCommand(addCommonOptions(command).exitOverride());
  }
  addCommonOptions(program).option('--json', 'data and errors as JSON');
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
    .addOption(new Option('--log-level <level>', 'how much to tell').choices(LOG_LEVELS))
    .configureOutput({ outputError: () => undefined });
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
