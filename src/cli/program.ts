import type { Command } from 'commander';
import { cniCommand } from './commands/cni.js';
import { completionCommand } from './commands/completion.js';
import { configCommand } from './commands/config.js';
import { doctorCommand } from './commands/doctor.js';
import { graphCommand } from './commands/graph.js';
import { listCommand } from './commands/list.js';
import { netavarkCommand } from './commands/netavark.js';
import { netnsCommand } from './commands/netns.js';
import { ociHookCommand } from './commands/oci-hook.js';
import { pathCommand } from './commands/path.js';
import { planCommand } from './commands/plan.js';
import { portCommand } from './commands/port.js';
import { psCommand } from './commands/ps.js';
import { repairCommand } from './commands/repair.js';
import { launcherCommands } from './commands/launcher.js';
import { statusCommand } from './commands/status.js';
import { stopCommand } from './commands/stop.js';
import { sysctlCommand } from './commands/sysctl.js';
import { explainUsage, runCommands } from './parse.js';
import { runToEnd } from './run-to-end.js';

/**
 * Parse and run a command of Node's. commander is loaded only here: the launcher's own commands never need it.
 *
 * This is a bundle of its own, where RnetnsError is another class than in main.ts: what is thrown here is reported here.
 */
export function runProgram(args: readonly string[]): Promise<void> {
  return runToEnd(() => runCommands(args, allCommands()));
}

/** `usage COMMAND MESSAGE`: a wrong command line that the launcher found. */
export function failUsage(args: readonly string[]): Promise<void> {
  const [command = 'run', message = 'wrong usage'] = args.filter((arg) => arg !== '--json');
  return runToEnd(() => Promise.reject(explainUsage(command, message, allCommands())));
}

/** The launcher's as well, for their help and what is made from it; in the order of the help. */
export function allCommands(): Command[] {
  const { run, shell, setup, teardown, unshare, lock } = launcherCommands();
  const groups: Record<string, Command[]> = {
    Everyday: [
      ...[run, shell, statusCommand(), listCommand(), stopCommand(), repairCommand(), doctorCommand()],
      completionCommand(),
    ],
    'Look inside': [psCommand(), graphCommand(), planCommand(), configCommand(), sysctlCommand()],
    'For runtimes': [setup, teardown, unshare, lock, pathCommand(), ociHookCommand()],
    Networks: [portCommand(), netnsCommand(), cniCommand(), netavarkCommand()],
  };
  return Object.entries(groups).flatMap(([group, commands]) => commands.map((each) => each.helpGroup(`${group}:`)));
}
