import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { noteRunning } from './running.js';

/**
 * Short-lived commands on the path that makes a namespace. execa would be nicer to write, but loading it takes half as
 * long as making the namespace does; it serves the library's run(), where its subprocess is the result.
 */
export interface CommandOptions {
  /** Milliseconds until SIGTERM; SIGKILL follows a second later. */
  timeoutMs: number;
  env: Readonly<Record<string, string>>;
  /** Text for stdin; without it stdin is empty. */
  input?: string;
}

export interface CommandResult {
  /** Exit status, or undefined when a signal ended it or it could not be started. */
  status: number | undefined;
  stdout: string;
  stderr: string;
  /** One phrase: "exited with status 1", "was killed by SIGKILL", "did not end within 5 s", "could not be started: …". */
  outcome: string;
}

const KILL_AFTER_MS = 1000;
const OUTPUT_LIMIT = 1 << 20;

/** Run a program to its end. Never throws: the result says how it ended. */
export function runCommand(file: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  return new Promise((resolve) => {
    const output = { stdout: '', stderr: '' };
    const notStarted = (cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      resolve({ status: undefined, outcome: `could not be started: ${why}`, ...output });
    };
    let child: ChildProcessWithoutNullStreams;
    try {
      child = spawn(file, args, { env: { ...options.env }, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
    } catch (cause) {
      // Node reports ENOENT and a few more as an event, and throws the other errors of execve(2).
      notStarted(cause);
      return;
    }
    child.on('error', notStarted);
    // Out of descriptors there are not even pipes; the event says why.
    if (!hasPipes(child)) return;
    noteRunning(child, file);
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (output[name].length < OUTPUT_LIMIT) output[name] += text;
      });
    }
    let timedOut = false;
    const kill = setTimeout(() => {
      timedOut = true;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref();
    }, options.timeoutMs);
    const finish = (status: number | undefined, outcome: string) => {
      clearTimeout(kill);
      resolve({ status, outcome, ...output });
    };
    child.on('error', () => clearTimeout(kill));
    child.on('close', (status, signal) => {
      if (timedOut) finish(undefined, `did not end within ${options.timeoutMs / 1000} s`);
      else if (signal !== null) finish(undefined, `was killed by ${signal}`);
      else finish(status ?? undefined, `exited with status ${String(status)}`);
    });
    // A program that ends without reading its input is no error of ours.
    child.stdin.on('error', () => undefined).end(options.input ?? '');
  });
}

/** Has Node made them? Not when it couldn't start the program for want of descriptors: then all is undefined. */
export function hasPipes(child: Pick<ChildProcess, 'stdin' | 'stdout' | 'stderr'>): boolean {
  return [child.stdin, child.stdout, child.stderr].every((stream: unknown) => stream != null);
}
