import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
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
  env: Readonly<Record<string, string | undefined>>;
  timeoutMs: number;
  /** For messages: "setup of the namespace lab". */
  what: string;
}

/** In a session of its own: what Ctrl-C means for the caller's function, the caller's program decides. */
const start = (argv: readonly string[], env: CallOptions['env']) =>
  execa(SCRIPTS.launcher, [...argv], {
    env: { ...env },
    reject: false,
    detached: true,
  });
type Ended = Awaited<ReturnType<typeof start>>;

/** One call of the launcher, its time limits, and its words as errors. */
export class LauncherCall {
  private readonly options: CallOptions;
  private readonly subprocess: ReturnType<typeof start>;
  private readonly ended: Promise<Ended>;
  private readonly loss = new AbortController();
  private waiting = false;

  constructor(options: CallOptions) {
    this.options = options;
    this.subprocess = start(options.argv, options.env);
    this.ended = Promise.resolve(this.subprocess);
    // It may end before it was told: what that means its status says.
    this.subprocess.stdin.on('error', () => undefined);
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

  /** Resolves when there is. */
  async arrival(): Promise<void> {
    const line = new Promise<void>((resolve) => this.subprocess.stdout.once('data', () => resolve()));
    const ended = await this.limited(Promise.race([line, this.ended]));
    if (ended !== undefined) throw this.failure(ended);
    this.waiting = true;
  }

  /** Give the verdict, if somebody waits for one, and wait for the end. */
  async end(verdict: 'ok' | 'failed'): Promise<void> {
    this.signal.throwIfAborted();
    const waited = this.waiting;
    this.waiting = false;
    this.subprocess.stdin.end(verdict === 'ok' ? 'ok\n' : '');
    const result = await this.limited(this.ended);
    const said = reports(result.stderr);
    if (result.failed) throw waited && said.length === 0 ? this.lost(result) : this.failure(result);
    // It did what it was asked, and yet there is something to say: more was dropped than had been counted.
    for (const { code, message, hint } of said) {
      process.emitWarning(message, {
        type: 'RnetnsWarning',
        code,
        ...(hint === null ? {} : { detail: `hint: ${hint}` }),
      });
    }
  }

  private lost(result: Ended): RnetnsError {
    const why = `the process that held the namespace for the function ${outcome(result)}`;
    return new RnetnsError('ERR_NETNS', `${this.options.what} failed: ${why}, and nothing was counted or dropped`, {
      hint: 'rnetns stop --force ends everything inside; try again',
      cause: result,
    });
  }

  private failure(result: Ended): Error {
    const said = reports(result.stderr).at(-1);
    if (said === undefined) {
      const words = result.stderr.trim().split('\n').at(-1) ?? '';
      const why = `the launcher ${outcome(result)}${words === '' ? '' : `: ${words}`}`;
      return new RnetnsError('ERR_NETNS', `${this.options.what} failed: ${why}`, { hint: STATUS_HINT, cause: result });
    }
    const { code, message, hint } = said;
    // Any other code is a bug of ours, with its stack in the message.
    if (!(code in ERROR_CODES)) return new Error(message, { cause: result });
    return new RnetnsError(code as ErrorCode, message, { hint: hint ?? undefined, cause: result });
  }

  /** Wait for it, but not for ever: then it is ended. */
  private async limited<T>(step: Promise<T>): Promise<T> {
    const { timeoutMs, what } = this.options;
    const timer = new AbortController();
    const late = sleep(timeoutMs, 'late' as const, { signal: timer.signal });
    late.catch(() => undefined);
    const first = await Promise.race([step.then((value) => ({ value })), late]).finally(() => timer.abort());
    if (first !== 'late') return first.value;
    await this.abandon();
    throw new RnetnsError('ERR_NETNS', `${what} failed: no answer within ${timeoutMs / 1000} s`, { hint: STATUS_HINT });
  }

  /** End it and what it waits for, by its process group. What was begun of a namespace ends without its lease. */
  private async abandon(): Promise<void> {
    const { stdin, stdout, stderr } = this.subprocess;
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (this.subprocess.exitCode === null && this.subprocess.signalCode === null) this.killGroup(signal);
      // Others may still have the other ends.
      for (const stream of [stdin, stdout, stderr]) stream.destroy();
      await Promise.race([this.ended, sleep(KILL_AFTER_MS)]);
    }
    this.subprocess.unref();
  }

  private killGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-(this.subprocess.pid ?? NaN), signal);
    } catch {
      // It has ended.
    }
  }
}

interface Report {
  code: string;
  message: string;
  hint: string | null;
}

/** The error lines of `--json`; log lines may be among them. */
function reports(stderr: string): Report[] {
  return stderr.split('\n').flatMap((line) => {
    if (!line.startsWith('{"error":')) return [];
    try {
      return [(JSON.parse(line) as { error: Report }).error];
    } catch {
      return [];
    }
  });
}

function outcome({ exitCode, signal, cause }: Ended): string {
  if (signal !== undefined) return `was killed by ${signal}`;
  if (exitCode !== undefined) return `ended with status ${exitCode}`;
  return `could not be started: ${cause instanceof Error ? cause.message : String(cause)}`;
}
