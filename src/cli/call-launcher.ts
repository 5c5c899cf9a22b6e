import { LauncherCall } from '../library/launcher-call.js';
import type { CliContext } from './context.js';

/** As if this process had logged it itself. */
export function printLog(line: string): void {
  process.stderr.write(`${line}\n`);
}

const TIMEOUT_MS = 60_000;

/**
 * Call the launcher, on the same namespace with the same settings.
 *
 * @param what - for messages: "dropping the reference web".
 * @throws RnetnsError what the launcher said.
 */
export async function callLauncher(
  { launcherOptions, runtimeDir }: CliContext,
  what: string,
  argv: readonly string[],
): Promise<void> {
  const call = new LauncherCall({
    argv: [...argv, '--json', ...launcherOptions],
    env: { XDG_RUNTIME_DIR: runtimeDir },
    timeoutMs: TIMEOUT_MS,
    what,
    onLog: printLog,
  });
  await call.end('ok');
}
