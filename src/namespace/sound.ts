import { statSync, type Stats } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StateDirectory } from '../state/directory.js';
import { readOptional } from '../state/files.js';
import { identifyProcess, isStopped, namespaceInode, type ProcessId } from '../state/process.js';
import type { Components } from './components.js';
import { hasOpen } from './proof.js';
import { hasLost } from './view.js';

/**
 * Those of the parts that do their work, as join() of scripts/rnetns tells them: each has a file of this very generation
 * open on a known descriptor. One that hasn't, because somebody has removed or replaced that file, nobody can join or
 * reach, and another one has to take its place. So has one that can't see the state directory any more.
 */
export function soundParts(state: StateDirectory, generation: string, found: Components): Components {
  const { holder, supervisor, guard, keeper } = found;
  // Those of an M0 that is of no use are of none either.
  if (holder !== undefined && hasLost(holder.pid, state.path))
    return { ...found, holder: undefined, guard: undefined, supervisor: undefined, keeper: undefined };
  return {
    ...found,
    // On 8 it reads the leases (scripts/holder.sh).
    holder:
      holds(holder, 7, state.holderFifo(generation)) && holds(holder, 8, state.lease(generation)) ? holder : undefined,
    supervisor: holds(supervisor, 8, state.supervisor) ? supervisor : undefined,
    guard: isSoundGuard(state, generation, guard) ? guard : undefined,
    keeper: holds(keeper, 4, state.keeperFifo(generation)) ? keeper : undefined,
  };
}

/** Are all of them there, and does none sleep by a SIGSTOP? */
export function isWhole(state: StateDirectory, generation: string, parts: Omit<Components, 'guard'>): boolean {
  const sound = soundParts(state, generation, { ...parts, guard: undefined });
  return (['holder', 'supervisor', 'keeper'] as const).every((role) => {
    const part = parts[role];
    return part === undefined || (sound[role] !== undefined && !isStopped(part));
  });
}

function holds(process: ProcessId | undefined, fd: number, path: string): boolean {
  if (process === undefined) return false;
  // A command can't look at what is outside; that it is there is all that it sees.
  return namespaceInode(process.pid, 'user') === undefined || hasOpen(process.pid, fd, path);
}

/** It waits for the end of the holder, which reads in the file whether there is one. */
function isSoundGuard(state: StateDirectory, generation: string, guard: ProcessId | undefined): boolean {
  return (
    holds(guard, 4, state.holderFifo(generation)) &&
    holds(guard, 8, state.guardFile) &&
    readOptional(state.guardFile) === `${guard?.pid ?? 0}\n`
  );
}

const GUARD_MS = 5000;
const POLL_MS = 5;

/**
 * The holder starts the guard and can't wait for it. Until it is there nobody has a holder replaced that dies, and who looks
 * meanwhile takes it for damaged.
 *
 * @returns false when there was none for so long.
 */
export async function awaitGuard(state: StateDirectory, generation: string): Promise<boolean> {
  for (let waited = 0; waited < GUARD_MS; waited += POLL_MS) {
    const pid = Number(readOptional(state.guardFile));
    if (pid > 0 && isSoundGuard(state, generation, identifyProcess(pid))) return true;
    await sleep(POLL_MS);
  }
  return false;
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
