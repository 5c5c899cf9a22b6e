import { spawn } from 'node:child_process';
import { searchPath } from './find-program.js';
import { RnetnsError } from '../errors/error.js';

/** flock(1)'s status for a lock that somebody else has; its own failures have sysexits(3)'s. */
const BUSY = 11;
/** flock(1) waits no longer at a time: one whose caller was killed is soon gone too. */
const ROUND_MS = 1000;

/**
 * Lock an open file, as flock(2) does, for as long as any copy of its descriptor is open: Node has no such call, but the
 * lock is the open file's, so that a program that inherits the descriptor takes it for us.
 *
 * @param waitMs - 0: don't wait.
 * @returns false when another one has had it all the while.
 * @throws the reason of `signal`; RnetnsError ERR_PROGRAM_MISSING, ERR_STATE_DIR.
 */
export async function flock(
  fd: number,
  { waitMs, path, signal }: { waitMs: number; path: string | undefined; signal?: AbortSignal | undefined },
): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    signal?.throwIfAborted();
    const leftMs = Math.max(0, Math.min(ROUND_MS, deadline - performance.now()));
    const options = leftMs === 0 ? ['-n'] : ['-w', (leftMs / 1000).toFixed(3)];
    if (await tryOnce(['-x', '-E', String(BUSY), ...options, '3'], fd, path, signal)) return true;
    if (performance.now() >= deadline) return false;
  }
}

function tryOnce(
  args: readonly string[],
  fd: number,
  path: string | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const env = { PATH: searchPath(path), LC_ALL: 'C' };
    const child = spawn('flock', args, { env, stdio: ['ignore', 'ignore', 'pipe', fd] });
    const abort = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', abort);
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    const fail = (code: 'ERR_PROGRAM_MISSING' | 'ERR_STATE_DIR', why: string, hint?: string): void =>
      reject(new RnetnsError(code, `locking with flock failed: ${why}`, { hint }));
    child.once('error', ({ message }) =>
      fail('ERR_PROGRAM_MISSING', message, 'flock(1) of util-linux must be installed'),
    );
    child.once('close', (status) => {
      signal?.removeEventListener('abort', abort);
      if (signal?.aborted === true) reject(signal.reason as Error);
      else if (status === 0 || status === BUSY) resolve(status === 0);
      else fail('ERR_STATE_DIR', said.trim() || `status ${String(status)}`);
    });
  });
}
