/**
 * The plain runner: a plugin as a child of ours, in the namespaces we are in.
 *
 * It is started in a session of its own, so that its process group holds what it starts in turn (host-local, iptables).
 * Killing a plugin alone, as libcni does, leaves those running.
 */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { errnoCode } from '../config/errno.js';
import { hasPipes } from '../exec/command.js';
import { MAX_LOG_BYTES, MAX_OUTPUT_BYTES, type PluginCall, type PluginOutcome, type PluginReply } from './runner.js';

/** For a plugin that is interrupted, to end by itself: the middle of its work is no place to undo it from. */
const GRACE_MS = 5000;
/** How long a program that a plugin left behind may keep its output open after the plugin has ended. */
const DRAIN_MS = 500;

/** A program that leads the plugin to other namespaces, such as nsenter(1), and becomes it. */
export interface Entrance {
  readonly file: string;
  /** Before the path of the plugin. */
  readonly args: readonly string[];
}

/** Run it. Never rejects. */
export function spawnPlugin(call: PluginCall, entrance?: Entrance): Promise<PluginReply> {
  const { file, env, input, timeoutMs, signal: interruption } = call;
  const [program, args] = entrance === undefined ? [file, []] : [entrance.file, [...entrance.args, file]];
  return new Promise((resolve) => {
    let child: ChildProcessWithoutNullStreams;
    try {
      child = spawn(program, args, { env: { ...env }, cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    } catch (cause) {
      // Node throws some errors of execve(2), ETXTBSY among them, and reports the others as an event.
      resolve(notStarted(cause));
      return;
    }
    if (!hasPipes(child)) {
      child.on('error', (cause) => resolve(notStarted(cause)));
      return;
    }
    let ours: PluginOutcome | undefined;
    const end = (outcome: PluginOutcome) => {
      ours ??= outcome;
      killGroup(child);
    };
    const stdout = collect(child.stdout, MAX_OUTPUT_BYTES, () => end('too-much-output'));
    const stderr = collect(child.stderr, MAX_LOG_BYTES);
    const limit = setTimeout(() => end('timed-out'), timeoutMs);
    let grace: NodeJS.Timeout | undefined;
    const interrupt = () => (grace = setTimeout(() => end('interrupted'), GRACE_MS));
    interruption?.addEventListener('abort', interrupt);
    let drain: NodeJS.Timeout | undefined;
    child.on('error', (cause) => {
      clearTimeout(limit);
      clearTimeout(grace);
      interruption?.removeEventListener('abort', interrupt);
      resolve(notStarted(cause));
    });
    child.on('exit', (status) => {
      clearTimeout(limit);
      clearTimeout(grace);
      interruption?.removeEventListener('abort', interrupt);
      // A daemon that a plugin started on purpose may hold the pipes for ever. What a failed plugin left is ended; its
      // group still has that number, as a member of it holds the pipe.
      drain = setTimeout(() => {
        if (status !== 0) killGroup(child);
        child.stdout.destroy();
        child.stderr.destroy();
      }, DRAIN_MS);
    });
    child.on('close', (status, signal) => {
      clearTimeout(drain);
      const outcome = ours ?? (signal === null ? 'exited' : 'killed');
      // nsenter's statuses for a program that it can't execute.
      if (entrance !== undefined && outcome === 'exited' && (status === 126 || status === 127) && stdout() === '') {
        const errno = errnoOfEntrance(stderr(), file);
        if (errno !== undefined) {
          resolve(notStarted(errno));
          return;
        }
      }
      resolve({
        outcome,
        status: outcome === 'exited' ? (status ?? undefined) : undefined,
        signal: signal ?? undefined,
        stdout: stdout(),
        stderr: stderr(),
        errno: undefined,
      });
    });
    // A plugin that ends without reading its input is no error of ours.
    child.stdin.on('error', () => undefined).end(input);
  });
}

/** nsenter(1) has led the way, and couldn't become the plugin: its words are those of err(3), with strerror(3)'s. */
function errnoOfEntrance(stderr: string, file: string): string | undefined {
  const begin = `nsenter: failed to execute ${file}: `;
  if (!stderr.startsWith(begin)) return undefined;
  const words = stderr.slice(begin.length).trim();
  return ERRNO_WORDS[words] ?? words;
}

/** What execve(2) fails with that is somebody's to mend, in the C locale, which a plugin's environment has. */
const ERRNO_WORDS: Record<string, string> = {
  'Permission denied': 'EACCES',
  'Text file busy': 'ETXTBSY',
  'No such file or directory': 'ENOENT',
  'Exec format error': 'ENOEXEC',
};

function notStarted(cause: unknown): PluginReply {
  const errno = typeof cause === 'string' ? cause : (errnoCode(cause) ?? String(cause));
  return { outcome: 'not-started', status: undefined, signal: undefined, stdout: '', stderr: '', errno };
}

function killGroup({ pid }: ChildProcessWithoutNullStreams): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}

/** The beginning of what a stream says; the rest is read and dropped, so that its writer doesn't block. */
export function collect(stream: Readable, limit: number, onTooMuch: () => void = () => undefined): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < limit) chunks.push(chunk.subarray(0, limit - size));
    size += chunk.length;
    if (size > limit) onTooMuch();
  });
  return () => Buffer.concat(chunks).toString();
}
