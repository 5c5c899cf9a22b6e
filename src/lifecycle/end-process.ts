import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, killProcess, type ProcessId } from '../state/process.js';

const END_MS = 2000;
const POLL_MS = 5;

/** Kill a process and wait until the kernel has ended it: those that look whether it lives must not find it dying. */
export async function endProcess(known: ProcessId): Promise<void> {
  killProcess(known);
  for (let waited = 0; waited < END_MS && isAlive(known); waited += POLL_MS) await sleep(POLL_MS);
}
