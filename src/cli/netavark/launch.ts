import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { collect } from '../../cni/spawn-plugin.js';
import { MAX_LOG_BYTES, MAX_OUTPUT_BYTES } from '../../cni/runner.js';
import { EXIT } from '../../errors/error.js';
import { SCRIPTS } from '../../namespace/scripts.js';
import { isObject } from '../../state/json.js';
import { identifyProcess, type ProcessId } from '../../state/process.js';
import type { CliContext } from '../context.js';
import { onOneLine, printableLines } from '../../text/printable.js';
import { ENDING_SIGNALS } from '../interruptible.js';
import { printNetavarkError, toJson } from '../report.js';

/**
 * Theory of operation: a call of netavark that may be interrupted
 *
 * The launcher and scripts/netavark.sh are in a session of their own: Ctrl-C, and what else is meant for a whole process
 * group, reaches this process alone.
 * 1. the script has the lock, and says so on descriptor 3
 * 2. it gets its input, and calls netavark
 * 3. setup and teardown: it says that netavark is done, and gets "ok"; then it ends, and the launcher counts or drops
 * A signal before 2 ends the launcher, and nothing was done. Later ones wait for netavark's end: the middle of its work is
 * no place to undo it from. At 3 there is no "ok" for a setup then, and the script undoes it; it does the same when this process
 * is killed. With the "ok" it is too late: the container is counted, and the status says so. A teardown goes on to its end.
 *
 * What they print is kept until then: a runtime wants one JSON object on stdout, netavark's own or of its kind.
 */
export interface Launch {
  act: 'setup' | 'teardown' | 'update';
  verb: 'setup' | 'teardown' | 'beside';
  /** Of the verb. */
  options?: readonly string[];
  /** scripts/netavark.sh and its arguments. */
  command: readonly string[];
  /** What it reads; called at 1, because the state directory, which has the addresses, is there only then. */
  input: (launcher: ProcessId) => string;
  /** Called at 3, before the "ok". */
  done?: () => void | Promise<void>;
  /** The container's network namespace, to be descriptor {@link NETNS_FD} of the script. */
  netns?: number | undefined;
}

export interface LaunchResult {
  /** Null when the launcher was killed: then the script may still be at work. */
  status: number | null;
  /** The signal to end by. */
  signal: NodeJS.Signals | undefined;
  stdout: string;
  stderr: string;
}

/** @throws what `input` throws; nothing was done then. What `done` throws: it is undone. */
export async function launch({ launcherOptions, lock }: CliContext, call: Launch): Promise<LaunchResult> {
  const interruption = new AbortController();
  const abort = (signal: NodeJS.Signals): void => interruption.abort(signal);
  for (const signal of ENDING_SIGNALS) process.on(signal, abort);
  try {
    const descriptors = [lock?.fd ?? ('ignore' as const), ...(call.netns === undefined ? [] : [call.netns])];
    const child = spawn(
      SCRIPTS.launcher,
      [call.verb, ...launcherOptions, ...(call.options ?? []), '--', ...call.command],
      { detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe', ...descriptors] },
    );
    const [, out, err] = child.stdio as unknown as readonly [Writable, Readable, Readable];
    const [stdout, stderr] = [collect(out, MAX_OUTPUT_BYTES), collect(err, MAX_LOG_BYTES)];
    const isAgreed = await converse(child, call, interruption.signal);
    const signal = isAgreed ? undefined : (interruption.signal.reason as NodeJS.Signals | undefined);
    return { status: child.exitCode, signal, stdout: stdout(), stderr: stderr() };
  } finally {
    for (const signal of ENDING_SIGNALS) process.off(signal, abort);
  }
}

/** Steps 1 to 3, and the launcher's end. Was a setup told "ok"? */
async function converse(
  child: ChildProcess,
  { act, input, done }: Launch,
  interruption: AbortSignal,
): Promise<boolean> {
  // Out of descriptors there are none, and `close` rejects.
  const [stdin, , , says] = (child.stdio as ChildProcess['stdio'] | undefined) ?? [];
  const ended = once(child, 'close');
  // A CMD that ends without reading is no error of ours.
  stdin?.on('error', () => undefined);
  const interrupted = new Promise((resolve) => interruption.addEventListener('abort', resolve));
  /** Has it said something, so that it waits for us? */
  const waits = (isFinal: boolean): Promise<boolean> =>
    Promise.race([
      once(says as Readable, 'data').then(() => isFinal || !interruption.aborted),
      Promise.race(isFinal ? [ended] : [ended, interrupted]).then(() => false),
    ]);
  let isAgreed = false;
  try {
    if (await waits(false)) {
      stdin?.write(input(identifyProcess(child.pid ?? 0) ?? { pid: 0, startTicks: 0 }));
      if (done !== undefined && (await waits(act === 'teardown'))) {
        await done();
        stdin?.write('ok\n');
        isAgreed = act === 'setup';
      }
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

/** The exit status of the call, after its words; a caller that interrupted it sees this process die of that. */
export function endBy({ status, signal, stdout, stderr }: LaunchResult): number {
  // Lines of several programs, of which some quote others.
  const said = printableLines(stderr);
  process.stderr.write(said);
  if (status === EXIT.ok) process.stdout.write(stdout.trim() === '' ? '' : `${toJson(parseAnswer(stdout))}\n`);
  else if (signal === undefined) printNetavarkError(reasonOf(status, stdout, said));
  if (signal !== undefined) process.kill(process.pid, signal);
  return status ?? EXIT.failed;
}

/** netavark's words, ours in the script, or the launcher's. */
function reasonOf(status: number | null, stdout: string, stderr: string): string {
  const answer = parseAnswer(stdout);
  if (isObject(answer) && typeof answer.error === 'string') return answer.error;
  const words = onOneLine(stdout.trim());
  if (words !== '') return words;
  const [, message] = /^rnetns: (.*)$/m.exec(stderr) ?? [];
  const [, hint] = /^(hint: .*)$/m.exec(stderr) ?? [];
  if (message !== undefined) return [message, ...(hint === undefined ? [] : [hint])].join('; ');
  // Those of its parser of options end with advice.
  const [, error] = /^error: (.*)$/m.exec(stderr) ?? [];
  const last = error ?? stderr.trim().split('\n').at(-1) ?? '';
  return last === '' ? `the launcher ended with status ${String(status)}` : last;
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.trim();
  }
}
