import { setTimeout as sleep } from 'node:timers/promises';
import { findComponents, type Components } from '../namespace/components.js';
import { soundParts } from '../namespace/sound.js';
import type { StateDirectory } from '../state/directory.js';
import { isStopped } from '../state/process.js';
import type { Context } from './context.js';
import { wakeComponents } from './wake.js';

/** Longer than many mounts take on a busy machine. */
const SETTLE_MS = 5000;
const POLL_MS = 30;

/**
 * The parts that there are. Who brings back what has just died is given the time for it: the guard, which becomes the
 * supervisor, and the supervisor, which starts another keeper. For the driver that is driver-settled.ts's.
 */
export async function settledComponents(context: Context): Promise<Components> {
  const { state } = context;
  let found = await wakeComponents(context);
  for (let waited = 0; waited < SETTLE_MS && isComing(state, found); waited += POLL_MS) {
    await sleep(POLL_MS);
    found = findComponents(state);
  }
  return found;
}

function isComing(state: StateDirectory, found: Components): boolean {
  const { generation, keeper } = found;
  if (generation === undefined) return false;
  const { supervisor, guard } = soundParts(state, generation, found);
  const atWork = found.supervisor === undefined ? guard : keeper === undefined ? supervisor : undefined;
  return atWork !== undefined && !isStopped(atWork);
}
