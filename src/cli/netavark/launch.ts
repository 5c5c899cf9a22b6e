import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { EXIT } from '../../errors/error.js';
import { SCRIPTS } from '../../namespace/scripts.js';
import { identifyProcess, type ProcessId } from '../../state/process.js';
import type { CliContext } from '../context.js';
import { ENDING_SIGNALS } from '../interruptible.js';

/**
 * Theory of operation: a call of netavark that may be interrupted
 *
 * The launcher and scripts/netavark.sh are in a session of their own: Ctrl-C, and what else is meant for a whole process
 * group, reaches this process alone.
 * 1. the script has the lock, and says so on descriptor 3
 * 2. it gets its input, and calls netavark
 * 3. setup: it says that netavark is done, and gets "ok"; then it ends, and the launcher counts
 * A signal before 2 ends the launcher, and nothing was done. Later ones wait for netavark's end: the middle of its work is
 * no place to undo it from. At 3 there is no "ok" then, and the script undoes the setup; it does the same when this process
 * is killed. With the "ok" it is too late: the container is counted, and the status says so.
 */
export interface Launch {
  verb: 'setup' | 'teardown' | 'run';
  /** Of the verb. */
  options?: readonly string[];
  /** scripts/netavark.sh and its arguments. */
  command: readonly string[];
  /** What it reads; called at 1, because the state directory, which has the addresses, is there only then. */
  input: (launcher: ProcessId) => string;
}

export interface LaunchResult {
  /** Null when the launcher was killed: then the script may still be at work. */
  status: number | null;
  /** The signal to end by. */
  signal: NodeJS.Signals | undefined;
}

/** @throws what `input` throws; nothing was done then. */
export async function launch({ launcherOptions }: CliContext, call: Launch): Promise<LaunchResult> {
  const interruption = new AbortController();
  const abort = (signal: NodeJS.Signals): void => interruption.abort(signal);
  for (const signal of ENDING_SIGNALS) process.on(signal, abort);
  try {
    const child = spawn(
      SCRIPTS.launcher,
      [call.verb, ...launcherOptions, ...(call.options ?? []), '--', ...call.command],
      {
        detached: true,
        stdio: ['pipe', 'inherit', 'inherit', 'pipe'],
      },
    );
    const isAgreed = await converse(child, call, interruption.signal);
    const signal = isAgreed ? undefined : (interruption.signal.reason as NodeJS.Signals | undefined);
    return { status: child.exitCode, signal };
  } finally {
    for (const signal of ENDING_SIGNALS) process.off(signal, abort);
  }
}

/** Steps 1 to 3, and the launcher's end. Was a setup told "ok"? */
async function converse(child: ChildProcess, { verb, input }: Launch, interruption: AbortSignal): Promise<boolean> {
  const [stdin, , , says] = child.stdio;
  const ended = once(child, 'exit');
  // A CMD that ends without reading is no error of ours.
  stdin?.on('error', () => undefined);
  const interrupted = new Promise((resolve) => interruption.addEventListener('abort', resolve));
  /** Has it said something, so that it waits for us? */
  const waits = (): Promise<boolean> =>
    Promise.race([
      once(says as Readable, 'data').then(() => !interruption.aborted),
      Promise.race([ended, interrupted]).then(() => false),
    ]);
  let isAgreed = false;
  try {
    if (await waits()) {
      stdin?.write(input(identifyProcess(child.pid ?? 0) ?? { pid: 0, startTicks: 0 }));
      isAgreed = verb === 'setup' && (await waits());
      if (isAgreed) stdin?.write('ok\n');
    } else if (interruption.aborted) endGroup(child);
  } finally {
    // Without input nothing is done, nor counted.
    stdin?.end();
    await ended;
  }
  return isAgreed;
}

function endGroup({ pid = NaN }: ChildProcess): void {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // It has ended.
  }
}

/** The exit status of the call; a caller that interrupted it sees this process die of that. */
export function endBy({ status, signal }: LaunchResult): number {
  if (signal !== undefined) process.kill(process.pid, signal);
  return status ?? EXIT.failed;
}
