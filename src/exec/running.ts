import type { ChildProcess } from 'node:child_process';
import { basename } from 'node:path';
import { RnetnsError } from '../errors/error.js';

/** What this process has started and waits for. */
const running = new Map<ChildProcess, string>();

/** Note a program until it has ended, or is let go. */
export function noteRunning(child: ChildProcess, file: string): void {
  if (child.pid === undefined) return;
  running.set(child, basename(file));
  child.once('exit', () => running.delete(child));
}

export function noteReleased(child: ChildProcess): void {
  running.delete(child);
}

/**
 * What holds the lock has a time limit, which the launcher sets (scripts/start-node.sh): a program that never ends must not
 * keep it for ever. Then say for what we waited, and end that.
 *
 * @param end - called with the error; it doesn't return.
 */
export function endOnTerm(what: string, end: (error: RnetnsError) => never): void {
  process.once('SIGTERM', () => {
    const names = [...new Set(running.values())];
    const why = names.length === 0 ? '' : `, while ${names.join(' and ')} had not ended`;
    for (const child of running.keys()) child.kill('SIGKILL');
    end(
      new RnetnsError('ERR_NETNS', `${what} was ended after ${Math.round(process.uptime())} s${why}`, {
        hint: 'try again',
      }),
    );
  });
}
