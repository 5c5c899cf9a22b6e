import { statSync, type Stats } from 'node:fs';
import type { StateDirectory } from '../state/directory.js';
import { isStopped, type ProcessId } from '../state/process.js';
import type { Components } from './components.js';
import { hasLost } from './view.js';

/**
 * Those of the parts that do their work, as join() of scripts/rnetns tells them: each has a file of this very generation
 * open on a known descriptor. One that hasn't, because somebody has removed or replaced that file, nobody can join or
 * reach, and another one has to take its place. So has one that can't see the state directory any more.
 */
export function soundParts(state: StateDirectory, generation: string, found: Components): Components {
  const { holder, supervisor, keeper } = found;
  // A keeper and a supervisor of an M0 that is of no use are of none either.
  if (holder !== undefined && hasLost(holder.pid, state.path))
    return { ...found, holder: undefined, supervisor: undefined, keeper: undefined };
  const fifo = state.holderFifo(generation);
  return {
    ...found,
    // On 8 it reads the leases (scripts/holder.sh).
    holder: hasOpen(holder, 7, fifo) && hasOpen(holder, 8, state.lease(generation)) ? holder : undefined,
    supervisor: hasOpen(supervisor, 8, state.supervisor) ? supervisor : undefined,
    keeper: hasOpen(keeper, 4, fifo) ? keeper : undefined,
  };
}

/** Are all of them there, and does none sleep by a SIGSTOP? */
export function isWhole(state: StateDirectory, generation: string, parts: Components): boolean {
  const sound = soundParts(state, generation, parts);
  return (['holder', 'supervisor', 'keeper'] as const).every((role) => {
    const part = parts[role];
    return part === undefined || (sound[role] !== undefined && !isStopped(part));
  });
}

function hasOpen(process: ProcessId | undefined, fd: number, path: string): boolean {
  if (process === undefined) return false;
  const [open, file] = [look(`/proc/${process.pid}/fd/${fd}`), look(path)];
  return open !== undefined && open.ino === file?.ino && open.dev === file.dev;
}

/** Has it a FIFO of this name? Leases are taken on nothing else. */
export function hasLease(state: StateDirectory, generation: string): boolean {
  return look(state.lease(generation))?.isFIFO() === true;
}

function look(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
