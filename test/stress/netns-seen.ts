/**
 * Two commands that were in a namespace at one time saw the same network namespace: unless all that leads there was killed
 * between them. Then the first goes on alone, and the next call begins anew.
 */

import type { Done } from './perform.js';
import { Violation } from './violation.js';

/** /proc/uptime counts hundredths. */
const RESOLUTION = 0.02;

interface Stay {
  inode: string;
  from: number;
  to: number | undefined;
  done: Done;
}

function stayOf(done: Done): Stay[] {
  const { operation, stdout } = done;
  if (operation.verb !== 'run' && operation.verb !== 'setup' && operation.verb !== 'teardown') return [];
  const [arrival, departure] = ['in', 'out'].map((word) =>
    new RegExp(`^${word} net:\\[(\\d+)\\] ([\\d.]+)$`, 'm').exec(stdout),
  );
  if (arrival?.[1] === undefined) return [];
  const to = departure?.[2] === undefined ? undefined : Number(departure[2]);
  if (departure?.[1] !== undefined && departure[1] !== arrival[1]) {
    throw new Violation('netns', `a command was in ${arrival[1]} and then in ${departure[1]}`);
  }
  return [{ inode: arrival[1], from: Number(arrival[2]), to, done }];
}

/**
 * Operations on one name.
 *
 * @param lostAtMs - when the namespace may have been lost to those who were in it.
 */
export function checkNetnsSeen(operations: readonly Done[], lostAtMs: readonly number[]): void {
  const stays = operations.flatMap(stayOf);
  for (const one of stays) {
    for (const other of stays) {
      if (one.to === undefined || other.from < one.from + RESOLUTION || other.from > one.to - RESOLUTION) continue;
      if (one.inode === other.inode || lostAtMs.some((at) => one.done.startMs < at && at < other.done.endMs)) continue;
      const [from, to] = [one.from, one.to].map((seconds) => seconds.toFixed(2));
      throw new Violation(
        'netns',
        `a command was in ${one.inode} from ${from} to ${to} s, and one that came at ${other.from} s in ${other.inode}`,
      );
    }
  }
}
