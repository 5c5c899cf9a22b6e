import { setTimeout as sleep } from 'node:timers/promises';
import { findComponents, type Components } from '../namespace/components.js';
import { continueProcess, isStopped, killProcess } from '../state/process.js';
import { noteMended, type Context } from './context.js';

const ROLES = ['guard', 'supervisor', 'keeper', 'driver'] as const;
/** What was continued runs at once; what is stopped still is stopped again and again, or held by a debugger. */
const WAKE_MS = 1000;
const POLL_MS = 10;

/**
 * The parts that there are. Those that were stopped (SIGSTOP) go on; one that doesn't is killed, to be replaced: a part
 * that sleeps does nothing for the namespace, and whoever waited for it would wait for ever.
 */
export async function wakeComponents(context: Context): Promise<Components> {
  const { state } = context;
  const found = findComponents(state);
  const stopped = ROLES.flatMap((role) => {
    const part = found[role];
    return part !== undefined && isStopped(part) ? [{ role, part }] : [];
  });
  if (stopped.length === 0) return found;
  for (const { part } of stopped) continueProcess(part);
  let left = stopped;
  for (let waited = 0; waited < WAKE_MS; waited += POLL_MS) {
    left = left.filter(({ part }) => isStopped(part));
    if (left.length === 0) break;
    await sleep(POLL_MS);
  }
  for (const { role, part } of stopped) {
    const isLeft = left.some((one) => one.part === part);
    if (isLeft) killProcess(part);
    const outcome = isLeft ? 'killed: it was stopped, and did not go on' : 'goes on: it was stopped';
    noteMended(context, role === 'driver' ? 'supervisor' : role, `${role} (pid ${part.pid}) ${outcome}`);
  }
  // What one of them has done as soon as it went on, as reading that its driver is dead.
  return findComponents(state);
}
