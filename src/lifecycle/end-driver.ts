import { setTimeout as sleep } from 'node:timers/promises';
import { findComponents } from '../namespace/components.js';
import type { StateDirectory } from '../state/directory.js';
import { killProcess } from '../state/process.js';

const END_MS = 2000;
const POLL_MS = 5;

/**
 * The supervisor and its driver. pasta has ended with its netns's file, and the supervisor is about to start another one,
 * with the files that the new supervisor has: look until there is none.
 */
export async function endDriver(state: StateDirectory): Promise<void> {
  for (let waited = 0; waited < END_MS; waited += POLL_MS) {
    const { supervisor, driver } = findComponents(state);
    if (supervisor === undefined && driver === undefined) return;
    for (const old of [supervisor, driver]) {
      if (old !== undefined) killProcess(old);
    }
    await sleep(POLL_MS);
  }
}
