import type { ProcessId } from './process.js';
import { bootId } from './process.js';
import type { StateDirectory } from './directory.js';
import { readOptional } from './files.js';

/**
 * The line of `<state>/live`, which scripts/rnetns reads with one shell `read`:
 *
 *     rnetns1 GENERATION BOOT-ID SUPERVISOR START GUARD START KEEPER START .
 *
 * The point at its end tells a torn line; a guard of 0 0 is one that nobody knows of yet.
 */
export interface Live {
  generation: string;
  bootId: string;
  supervisor: ProcessId;
  guard: ProcessId | undefined;
  keeper: ProcessId;
}

const LINE = /^rnetns1 ([0-9a-f-]{1,64}) ([0-9a-f-]{1,64}) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) \.\n?$/;

export function formatLive(live: Live): string {
  const { supervisor, guard = { pid: 0, startTicks: 0 }, keeper } = live;
  const processes = [supervisor, guard, keeper].map(({ pid, startTicks }) => `${pid} ${startTicks}`).join(' ');
  return `rnetns1 ${live.generation} ${live.bootId} ${processes} .\n`;
}

/** undefined for anything that formatLive did not write. */
export function parseLive(text: string): Live | undefined {
  const match = LINE.exec(text);
  if (match === null) return undefined;
  const [supervisor, guard, keeper] = [3, 5, 7].map((index) => ({
    pid: Number(match[index]),
    startTicks: Number(match[index + 1]),
  })) as [ProcessId, ProcessId, ProcessId];
  return {
    generation: match[1] ?? '',
    bootId: match[2] ?? '',
    supervisor,
    guard: guard.pid === 0 ? undefined : guard,
    keeper,
  };
}

/** What `live` says, if it is of this boot. */
export function readLive(state: StateDirectory): Live | undefined {
  const live = parseLive(readOptional(state.live) ?? '');
  return live?.bootId === bootId() ? live : undefined;
}
