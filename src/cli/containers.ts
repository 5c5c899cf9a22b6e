import { cniCommand } from './commands/cni.js';
import { netavarkCommand } from './commands/netavark.js';
import { ociHookCommand } from './commands/oci-hook.js';
import { psCommand } from './commands/ps.js';
import { runCommands } from './parse.js';
import { runToEnd } from './run-to-end.js';

/**
 * The program of `cni`, `netavark` and `oci-hook`, which are called for each container, and of `ps`, which monitoring calls
 * again and again: with nothing of the other commands, it starts 15 ms sooner than main.ts.
 */
void runToEnd(() =>
  runCommands(process.argv.slice(2), [cniCommand(), netavarkCommand(), ociHookCommand(), psCommand()]),
);
