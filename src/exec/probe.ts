import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CommandResult } from './command.js';

/**
 * A program that is tried, and may be broken: it hangs, ends at once, or leaves children behind. scripts/lifeline.sh ends
 * all of that when `end` is called, and when this process dies.
 */

const LIFELINE = fileURLToPath(new URL('../../scripts/lifeline.sh', import.meta.url));
const OUTPUT_LIMIT = 1 << 16;
/** From the end of the group to that of what it wrote. */
const DRAIN_MS = 200;

/** Descriptors of the program: stdout, stderr, one for the program's own use, and ours. */
type Descriptor = 1 | 2 | 3 | 4;
const DESCRIPTORS: readonly Descriptor[] = [1, 2, 3, 4];

export class Probe {
  private readonly written: Record<Descriptor, string> = { 1: '', 2: '', 3: '', 4: '' };
  private readonly stdin: Writable | undefined;
  private readonly closed: Promise<void>;
  private wake: () => void = () => undefined;
  private failure: string | undefined;

  constructor(command: readonly string[], env: Readonly<Record<string, string>>) {
    const child = spawn('sh', [LIFELINE, ...command], {
      env: { ...env },
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    });
    for (const descriptor of DESCRIPTORS) {
      const stream = streamOf(child, descriptor);
      stream?.setEncoding('utf8').on('data', (text: string) => {
        if (this.written[descriptor].length < OUTPUT_LIMIT) this.written[descriptor] += text;
        this.wake();
      });
      // Nothing more of it will come; `close` tells.
      stream?.on('error', () => undefined);
    }
    // Out of descriptors there are no pipes at all.
    this.stdin = (child.stdio as ChildProcess['stdio'] | undefined)?.[0] ?? undefined;
    this.stdin?.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      child.on('error', (error) => {
        this.failure = `could not be started: ${error.message}`;
        this.wake();
        resolve();
      });
      child.on('exit', () => {
        this.failure ??= 'was killed';
        this.wake();
        // A process that left the group may still hold the pipes.
        void Promise.race([
          new Promise((done) => child.on('close', done)),
          sleep(DRAIN_MS, undefined, { ref: false }),
        ]).then(() => {
          for (const descriptor of DESCRIPTORS) streamOf(child, descriptor)?.destroy();
          resolve();
        });
      });
    });
  }

  /** What it wrote there so far. */
  said(descriptor: Descriptor): string {
    return this.written[descriptor];
  }

  /** Exit status; undefined while it runs, and when it couldn't be started. */
  get status(): number | undefined {
    const status = /^status (\d+)$/m.exec(this.written[4])?.[1];
    return status === undefined ? undefined : Number(status);
  }

  get hasEnded(): boolean {
    return this.failure !== undefined || this.status !== undefined;
  }

  /** Wait for `condition`, which is asked when something was written, or for the program's end, or so long. */
  async until(condition: () => boolean, timeoutMs: number): Promise<void> {
    const clock = { over: false };
    const timer = setTimeout(() => {
      clock.over = true;
      this.wake();
    }, timeoutMs);
    while (!condition() && !this.hasEnded && !clock.over) await new Promise<void>((resolve) => (this.wake = resolve));
    clearTimeout(timer);
  }

  /** End it and all that it started. Nothing of it is left when this returns. */
  async end(): Promise<void> {
    this.stdin?.end();
    await this.closed;
  }
}

/** Run a program to its end, or so long. Never throws; whatever became of it, nothing of it is left. */
export async function tryProgram(
  command: readonly string[],
  { env, timeoutMs }: { env: Readonly<Record<string, string>>; timeoutMs: number },
): Promise<CommandResult> {
  const probe = new Probe(command, env);
  await probe.until(() => false, timeoutMs);
  const { status, hasEnded } = probe;
  await probe.end();
  const outcome = !hasEnded
    ? `did not end within ${timeoutMs / 1000} s`
    : status === undefined
      ? 'could not be started'
      : `exited with status ${status}`;
  return { status, stdout: probe.said(1), stderr: probe.said(2), outcome };
}

function streamOf(child: ChildProcess, descriptor: Descriptor): Readable | null | undefined {
  return (child.stdio as ChildProcess['stdio'] | undefined)?.[descriptor] as Readable | null | undefined;
}
