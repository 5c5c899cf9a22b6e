import { statSync, type Stats } from 'node:fs';
import type { StateDirectory } from '../state/directory.js';
import { isStopped, namespaceInode, type ProcessId } from '../state/process.js';
import type { Components } from './components.js';
import { hasOpen, OUTSIDE_FD } from './proof.js';
import { hasLost } from './view.js';

/**
 * Those of the parts that do their work, as join() of scripts/rnetns tells them: each has a file of this very generation
 * open on a known descriptor. One that hasn't, because somebody has removed or replaced that file, nobody can join or
 * reach, and another one has to take its place. So has one that can't see the state directory any more.
 */
export function soundParts(state: StateDirectory, generation: string, found: Components): Components {
  const { supervisor, guard, keeper } = found;
  // Those of an M0 that is of no use are of none either.
  if (supervisor !== undefined && hasLost(supervisor.pid, state.path))
    return { ...found, guard: undefined, supervisor: undefined, keeper: undefined };
  return {
    ...found,
    // On 5 it reads the leases (scripts/supervisor.sh).
    supervisor:
      holds(supervisor, OUTSIDE_FD, state.supervisor) && holds(supervisor, 5, state.lease(generation))
        ? supervisor
        : undefined,
    guard: holds(guard, OUTSIDE_FD, state.guardFile) && waitsFor(guard, supervisor) ? guard : undefined,
    keeper: holds(keeper, 4, state.keeperFifo(generation)) ? keeper : undefined,
  };
}

/** Are all of them there, and does none sleep by a SIGSTOP? */
export function isWhole(state: StateDirectory, generation: string, parts: Components): boolean {
  const sound = soundParts(state, generation, parts);
  return (['supervisor', 'keeper'] as const).every((role) => {
    const part = parts[role];
    return part === undefined || (sound[role] !== undefined && !isStopped(part));
  });
}

/** The FIFO's name may be gone, as long as they have the same one. */
function waitsFor(guard: ProcessId | undefined, supervisor: ProcessId | undefined): boolean {
  return supervisor === undefined || holds(guard, 4, `/proc/${supervisor.pid}/fd/6`);
}

function holds(process: ProcessId | undefined, fd: number, path: string): boolean {
  if (process === undefined) return false;
  // A command can't look at what is outside; that it is there is all that it sees.
  return namespaceInode(process.pid, 'user') === undefined || hasOpen(process.pid, fd, path);
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
