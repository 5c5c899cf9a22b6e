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
import { psCommand } from './commands/ps.js';
import { repairCommand } from './commands/repair.js';
import { launcherCommands } from './commands/launcher.js';
import { statusCommand } from './commands/status.js';
import { stopCommand } from './commands/stop.js';
import { sysctlCommand } from './commands/sysctl.js';
import { runCommands } from './parse.js';
import { runToEnd } from './run-to-end.js';

/**
 * Parse and run a command of Node's. commander is loaded only here: the launcher's own commands never need it.
 *
 * This is a bundle of its own, where RnetnsError is another class than in main.ts: what is thrown here is reported here.
 */
export function runProgram(args: readonly string[]): Promise<void> {
  return runToEnd(() => runCommands(args, allCommands()));
}

/** The launcher's as well, for their help and what is made from it; in the order of the help. */
export function allCommands(): Command[] {
  return [
    ...launcherCommands(),
    statusCommand(),
    psCommand(),
    graphCommand(),
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
    doctorCommand(),
    sysctlCommand(),
    completionCommand(),
  ];
}
