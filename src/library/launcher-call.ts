import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { processEnvironment } from '../config/environment.js';
import { ERROR_CODES, RnetnsError, type ErrorCode } from '../errors/error.js';
import { SCRIPTS } from '../namespace/scripts.js';

/**
 * Theory of operation: a function of the caller's in the place of CMD
 *
 * `setup -- CMD` counts when CMD has succeeded, and gives back what was made for it when it has failed. The library's
 * CMD is a shell in the namespace:
 * 1. it writes a line: it is inside, and holds a lease
 * 2. the caller's function runs, in Node, with no lock held by anybody
 * 3. its verdict goes to the shell's stdin, which ends with status 0 for "ok" and 1 for everything else
 * 4. the launcher counts, or gives back
 * When this process is killed in between, 3 is an end-of-file: no "ok".
 */
export const WAIT_FOR_VERDICT = ['/bin/sh', '-c', 'echo && IFS= read -r verdict && [ "$verdict" = ok ]'] as const;

const KILL_AFTER_MS = 2000;
const STATUS_HINT = 'rnetns status tells what there is; try again';

export interface CallOptions {
  argv: readonly string[];
  /** Over this process's own. */
  env: Readonly<Record<string, string | undefined>>;
  timeoutMs: number;
  /** For messages: "setup of the namespace lab". */
  what: string;
  /** Called at the end with each line that the launcher has logged. */
  onLog: (line: string) => void;
  /** Ends the wait for a process inside, and the launcher with it. */
  signal?: AbortSignal | undefined;
  /** Of this process, to be 3, 4 and so on in the launcher and in what it runs. */
  descriptors?: readonly (number | 'ignore')[];
}

interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
  /** It could not be started. */
  error?: Error;
}

/**
 * One call of the launcher, its time limits, and its words as errors.
 *
 * By spawn, where run() has execa: that one lets a process end that is out of descriptors (EMFILE), instead of a promise.
 */
export class LauncherCall {
  private readonly options: CallOptions;
  private readonly child: ChildProcess;
  private readonly ended: Promise<Ended>;
  private readonly loss = new AbortController();
  private waiting = false;

  constructor(options: CallOptions) {
    this.options = options;
    // detached: in a session of its own. What Ctrl-C means for the caller's function the caller's program decides.
    const env = { ...processEnvironment(), ...options.env };
    const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', ...(options.descriptors ?? [])];
    this.child = spawn(SCRIPTS.launcher, options.argv, { env, detached: true, stdio });
    this.ended = ending(this.child);
    // It may end before it was told: what that means its status says.
    this.child.stdin?.on('error', () => undefined);
    void this.ended.then((result) => {
      if (this.waiting) this.loss.abort(this.lost(result));
      this.waiting = false;
    });
  }

  /** Aborted when the process inside ends before its verdict; the reason is an RnetnsError. */
  get signal(): AbortSignal {
    return this.loss.signal;
  }

  /** Is there a process inside that waits for the verdict? */
  get isWaiting(): boolean {
    return this.waiting;
  }

  /**
   * Run `fn` while a process waits inside, and tell that one how it went.
   *
   * @param fn - gets the line that the process wrote.
   * @throws what `fn` throws; else RnetnsError for what rnetns couldn't do.
   */
  async during<T>(fn: (line: string) => T | PromiseLike<T>): Promise<T> {
    const line = await this.arrival();
    let value: T;
    try {
      value = await fn(line);
    } catch (error) {
      // How it was given back doesn't matter beside why.
      await this.end('failed').catch(() => undefined);
      throw error;
    }
    await this.end('ok');
    return value;
  }

  /** Resolves when there is a process inside, with the line that it wrote. */
  private async arrival(): Promise<string> {
    const line = new Promise<string>((resolve) =>
      this.child.stdout?.once('data', (text) => resolve(String(text).trim())),
    );
    const { signal } = this.options;
    const interrupted = new Promise<undefined>((resolve) => {
      if (signal?.aborted === true) resolve(undefined);
      signal?.addEventListener('abort', () => resolve(undefined));
    });
    const arrived = await this.limited(Promise.race([line, this.ended, interrupted]));
    if (arrived === undefined) {
      await this.abandon();
      throw signal?.reason as Error;
    }
    if (typeof arrived !== 'string') throw this.failure(arrived);
    this.waiting = true;
    return arrived;
  }

  /** Give the verdict, if somebody waits for one, and wait for the end. */
  async end(verdict: 'ok' | 'failed'): Promise<void> {
    this.signal.throwIfAborted();
    const waited = this.waiting;
    this.waiting = false;
    this.child.stdin?.end(verdict === 'ok' ? 'ok\n' : '');
    const result = await this.limited(this.ended);
    const { said, logged } = sort(result.stderr);
    for (const each of logged) this.options.onLog(each);
    if (result.status !== 0) throw waited && said.length === 0 ? this.lost(result) : this.failure(result);
    // It did what it was asked, and yet there is something to say: more was dropped than had been counted.
    for (const { code, message, hint } of said) {
      const detail = hint === null ? {} : { detail: `hint: ${hint}` };
      process.emitWarning(message, { type: 'RnetnsWarning', code, ...detail });
    }
  }

  private lost(result: Ended): RnetnsError {
    const why = `the process that held the namespace for the function ${outcome(result)}`;
    return new RnetnsError('ERR_NETNS', `${this.options.what} failed: ${why}, and nothing was counted or dropped`, {
      hint: 'rnetns stop --force ends everything inside; try again',
      cause: this.cause(result),
    });
  }

  private failure(result: Ended): Error {
    const cause = this.cause(result);
    const said = sort(result.stderr).said.at(-1);
    if (said === undefined) {
      const words = result.stderr.trim().split('\n').at(-1) ?? '';
      const why = `the launcher ${outcome(result)}${words === '' ? '' : `: ${words}`}`;
      return new RnetnsError('ERR_NETNS', `${this.options.what} failed: ${why}`, { hint: STATUS_HINT, cause });
    }
    const { code, message, hint } = said;
    // Any other code is a bug of ours, with its stack in the message.
    if (!(code in ERROR_CODES)) return new Error(message, { cause });
    return new RnetnsError(code as ErrorCode, message, { hint: hint ?? undefined, cause });
  }

  private cause({ error, status, signal, stderr }: Ended): Error {
    if (error !== undefined) return error;
    const text = `${SCRIPTS.launcher} ${this.options.argv.join(' ')} ${outcome({ status, signal, stderr })}`;
    return Object.assign(new Error(text), { exitCode: status, signal, stderr });
  }

  /** Wait for it, but not for ever: then it is ended. */
  private async limited<T>(step: Promise<T>): Promise<T> {
    const { timeoutMs, what } = this.options;
    // By the plain timer: one with an AbortSignal takes 4 ms of a caller that waits for nothing else.
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), timeoutMs)));
    const first = await Promise.race([step.then((value) => ({ value })), late]).finally(() => clearTimeout(timer));
    if (first !== 'late') return first.value;
    await this.abandon();
    throw new RnetnsError('ERR_NETNS', `${what} failed: no answer within ${timeoutMs / 1000} s`, { hint: STATUS_HINT });
  }

  /** End it and what it waits for, by its process group. What was begun of a namespace ends without its lease. */
  private async abandon(): Promise<void> {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (this.child.exitCode === null && this.child.signalCode === null) this.killGroup(signal);
      // Others may still have the other ends.
      for (const stream of this.child.stdio) stream?.destroy();
      await Promise.race([this.ended, sleep(KILL_AFTER_MS)]);
    }
    this.child.unref();
  }

  private killGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-(this.child.pid ?? NaN), signal);
    } catch {
      // It has ended.
    }
  }
}

function ending(child: ChildProcess): Promise<Ended> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // Read, or it would never be closed.
  child.stdout?.resume();
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ status: null, signal: null, stderr, error }));
    child.once('close', (status, signal) => resolve({ status, signal, stderr }));
  });
}

interface Report {
  code: string;
  message: string;
  hint: string | null;
}

/** The error lines of `--json`, and what was logged among them. */
function sort(stderr: string): { said: Report[]; logged: string[] } {
  const [said, logged]: [Report[], string[]] = [[], []];
  for (const line of stderr.split('\n').filter((each) => each !== '')) {
    const report = parseReport(line);
    if (report === undefined) logged.push(line);
    else said.push(report);
  }
  return { said, logged };
}

function parseReport(line: string): Report | undefined {
  if (!line.startsWith('{"error":')) return undefined;
  try {
    return (JSON.parse(line) as { error: Report }).error;
  } catch {
    return undefined;
  }
}

function outcome({ status, signal, error }: Ended): string {
  if (error !== undefined) return `could not be started: ${error.message}`;
  return signal === null ? `ended with status ${String(status)}` : `was killed by ${signal}`;
}
