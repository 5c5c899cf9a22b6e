import { closeSync, readFileSync, readdirSync } from 'node:fs';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../config/environment.js';
import { hasPipes } from './command.js';
import { searchPath } from './find-program.js';
import { noteReleased, noteRunning } from './running.js';

/** O_CLOEXEC of open(2), as /proc/PID/fdinfo prints the flags. */
const CLOEXEC = 0o2000000;

/**
 * Close what our caller left open in us. Node keeps its children from inheriting descriptors up to 15 or so, and its
 * own; but a lease-holding shell, a socket of systemd's or a mount's file that reached a process of ours through a
 * higher one would stay open as long as the namespace (https://github.com/containers/podman/issues/27854).
 */
export function closeInherited(): void {
  for (const entry of readdirSync('/proc/self/fd')) {
    const fd = Number(entry);
    if (fd <= 15) continue;
    try {
      const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
      if (flags !== undefined && (parseInt(flags, 8) & CLOEXEC) === 0) closeSync(fd);
    } catch {
      // The descriptor of this very listing.
    }
  }
}

/** What a mended namespace must find again; nothing else of the caller's session or unit is inherited. */
const KEPT = [
  'HOME',
  'XDG_CONFIG_HOME',
  'RNETNS_CONFIG',
  'RNETNS_LOG_LEVEL',
  'CONTAINERS_CONF',
  'CONTAINERS_CONF_OVERRIDE',
] as const;

export function backgroundEnvironment(env: Environment, runtimeDir: string): Record<string, string> {
  const kept = KEPT.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return { ...Object.fromEntries(kept), PATH: searchPath(env.PATH), XDG_RUNTIME_DIR: runtimeDir, LC_ALL: 'C.UTF-8' };
}

/** What programs said, on one line, without the names of those that lead to what was to be done. */
export function plainWords(text: string): string {
  // Not only at the beginning of a line: two may write at once.
  const words = text.trim().replace(/\S+\.sh: (line )?\d+: |^(nsenter|unshare|setpriv|setsid): /gm, '');
  return [...new Set(words.split('\n'))].join(': ');
}

/**
 * A process that outlives us: in a session of its own, with no descriptor, directory or variable of the caller's.
 * It reports lines on stdout while we wait, and closes or replaces its descriptors when it is done reporting.
 */
export class BackgroundProcess {
  readonly pid: number | undefined;
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly ended: Promise<string>;
  private buffer = '';
  private words = '';
  private wake: () => void = () => undefined;
  private outcome: string | undefined;
  private signal: NodeJS.Signals | undefined;

  constructor(file: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.child = spawn(file, args, { env: { ...env }, cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.pid = this.child.pid;
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => resolve(`could not be started: ${error.message}`));
      this.child.on('close', (status, signal) => {
        this.signal = signal ?? undefined;
        resolve(signal === null ? `exited with status ${String(status)}` : `was killed by ${signal}`);
      });
    });
    void this.ended.then((outcome) => {
      this.outcome = outcome;
      this.wake();
    });
    if (!hasPipes(this.child)) return;
    noteRunning(this.child, file);
    this.child.stdin.on('error', () => undefined);
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.buffer += text;
      this.wake();
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.words += text));
  }

  /** It has ended: by a signal, or by itself. */
  get over(): { signal: NodeJS.Signals | undefined } | undefined {
    return this.outcome === undefined ? undefined : { signal: this.signal };
  }

  /**
   * What it wrote to stderr so far, on one line. Which of our scripts, `…/netns.sh: 63: `, or of the programs that lead
   * in there said it tells nobody anything, and each shell that can't fork says so.
   */
  get stderr(): string {
    return plainWords(this.words);
  }

  /** Everything that it wrote to stdout and no line() has taken. */
  get rest(): string {
    return this.buffer.trim();
  }

  /**
   * Its next line.
   *
   * @throws Error with a phrase such as "exited with status 1" or "did not answer within 10 s".
   */
  async line(timeoutMs: number): Promise<string> {
    const deadline = new AbortController();
    const clock = { expired: false };
    void sleep(timeoutMs, undefined, { signal: deadline.signal }).then(
      () => {
        clock.expired = true;
        this.wake();
      },
      () => undefined,
    );
    try {
      for (;;) {
        const end = this.buffer.indexOf('\n');
        if (end >= 0) {
          const line = this.buffer.slice(0, end);
          this.buffer = this.buffer.slice(end + 1);
          return line;
        }
        if (this.outcome !== undefined) throw new Error(this.outcome);
        if (clock.expired) throw new Error(`did not answer within ${timeoutMs / 1000} s`);
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      deadline.abort();
    }
  }

  /** Wait until it has ended by itself, at most so long. */
  async end(timeoutMs: number): Promise<string | undefined> {
    return Promise.race([this.ended, sleep(timeoutMs, undefined, { ref: false })]);
  }

  /** Give it a line on stdin. */
  tell(line: string): void {
    if (hasPipes(this.child)) this.child.stdin.write(`${line}\n`);
  }

  /** Let it go on without us: nothing of it keeps this process alive any longer. */
  release(): void {
    noteReleased(this.child);
    if (!hasPipes(this.child)) return;
    this.child.stdin.destroy();
    this.child.stdout.destroy();
    this.child.stderr.destroy();
    this.child.unref();
  }

  /** With all that it has started: its group is its own. */
  kill(): void {
    try {
      if (this.pid !== undefined) process.kill(-this.pid, 'SIGKILL');
    } catch {
      // They have ended.
    }
    this.release();
  }
}
