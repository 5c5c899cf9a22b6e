import { setTimeout as sleep } from 'node:timers/promises';
import { findComponents, supervision } from '../namespace/components.js';
import type { StateDirectory } from '../state/directory.js';
import { killProcess, type ProcessId } from '../state/process.js';

const END_MS = 2000;
const POLL_MS = 5;

/** The supervisor and its children: one of them becomes another supervisor as soon as it can, so look until there is none. */
export function endSupervisor(state: StateDirectory): Promise<void> {
  return endAll(() => supervision(state));
}

/** With its driver, which the supervisor may be starting again. */
export function endDriver(state: StateDirectory): Promise<void> {
  return endAll(() => {
    const { driver } = findComponents(state);
    return [...supervision(state), ...(driver === undefined ? [] : [driver])];
  });
}

/** And with the keeper: then the network namespace is gone, unless a command is in it. */
export function endParts(state: StateDirectory): Promise<void> {
  return endAll(() => {
    const { driver, keeper } = findComponents(state);
    return [...supervision(state), ...[driver, keeper].filter((part) => part !== undefined)];
  });
}

async function endAll(find: () => ProcessId[]): Promise<void> {
  for (let waited = 0; waited < END_MS; waited += POLL_MS) {
    const left = find();
    if (left.length === 0) return;
    for (const old of left) killProcess(old);
    await sleep(POLL_MS);
  }
}
