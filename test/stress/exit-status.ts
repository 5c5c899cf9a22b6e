/** May an operation end like this? What we did to its namespace meanwhile excuses a clear error, and never a hang. */

import { FAILING_STATUS, describeOperation, type Done } from './perform.js';
import type { Disturbed } from './disturb.js';
import { Violation } from './violation.js';
import type { World } from './world.js';

/** What was killed just before may still be found alive by what begins then. */
const BEFORE_MS = 1000;

function expectedStatus({ operation }: Done): number {
  const body = 'body' in operation ? operation.body : 'plugin' in operation ? operation.plugin : undefined;
  return body === 'fails' ? FAILING_STATUS : 0;
}

/** Status 0 and a report that can be read, whatever happens around: nothing excuses these. */
function checkReport(done: Done): void {
  if (done.operation.verb !== 'status' && done.operation.verb !== 'list') return;
  try {
    if (done.status !== 0) throw new Error(`status ${String(done.status)}`);
    JSON.parse(done.stdout);
  } catch (error) {
    const what = `${describeOperation(done.operation)}: ${(error as Error).message}`;
    throw new Violation('report', `${what}: ${JSON.stringify(done.stdout)} ${done.stderr}`);
  }
}

/** The name is there already, or isn't. */
function isAnswer(act: string, status: number | null, stderr: string): boolean {
  return status === 125 && stderr.includes(act === 'add' ? ': it exists' : ': there is none');
}

export function checkEnds(world: World, all: readonly Done[], disturbed: readonly Disturbed[]): void {
  for (const done of all) {
    const { operation, timedOut, killed, status, signal, stderr } = done;
    const what = `${describeOperation(operation)}: ${signal ?? `status ${String(status)}`}: ${stderr.trim()}`;
    if (timedOut) throw new Violation('hang', what);
    if (!killed) checkReport(done);
    if (killed || status === expectedStatus(done)) continue;
    if (operation.verb === 'stop' && !operation.force && status === 125 && stderr.includes(' is in use by ')) continue;
    if (operation.verb === 'netns' && isAnswer(operation.act, status, stderr)) continue;

    // Its process had died before a busy machine came to look for it.
    const isTiedTooLate = operation.verb === 'setup' && (operation.tiedMs ?? Infinity) < done.endMs - done.startMs;
    if (isTiedTooLate && status === 125 && stderr.includes('cannot tie a reference to process')) continue;

    const overlaps = (from: number, to: number): boolean => from < done.endMs && to > done.startMs - BEFORE_MS;
    const isStopped = all.some(
      ({ operation: other, startMs, endMs }) =>
        other.name === operation.name && other.verb === 'stop' && other.force && overlaps(startMs, endMs),
    );
    const isDisturbed = disturbed.some(({ name, atMs, endMs }) => name === operation.name && overlaps(atMs, endMs));
    if (!isStopped && !isDisturbed) throw new Violation('exit status', what);
    if (/ERR_LOCK_TIMEOUT|kept it for/.test(stderr)) throw new Violation('lock', what);
    const words = stderr.trim().split('\n')[0] ?? '';
    world.figures.count(
      'excused',
      `${operation.verb} ${signal ?? String(status)} ${words.replace(/\d{2,}|\/\S+/g, '…')}:`,
    );
  }
}
