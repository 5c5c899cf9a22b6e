import type { StateDirectory } from '../state/directory.js';
import { isSameFile, statOptional } from '../state/files.js';
import { holdsLease } from '../state/lease.js';
import { identifyProcess, isAlive, namespaceInode, processesInNetns, type ProcessId } from '../state/process.js';
import type { Record } from '../state/record.js';
import { mountsOf } from './mountinfo.js';

/**
 * Pids of the caller's processes in the network namespace that the record tells of.
 *
 * The kernel gives the inode of a namespace that is gone to the next one, maybe another user's of ours or a container's:
 * a number alone would make strangers of them, or worse, users. So one of them must show that it is this very namespace:
 * it sees it mounted on our file, which also keeps the number taken, or it has a lease.
 */
export function membersOf(state: StateDirectory, record: Record | undefined): number[] {
  if (record === undefined) return [];
  const { netnsInode, generation } = record;
  const members = processesInNetns(netnsInode);
  if (members.length === 0) return [];
  const sees = (pid: number): boolean =>
    mountsOf(pid).some(({ root, point }) => root === `net:[${netnsInode}]` && point === state.netns);
  if (members.some(sees)) return members;
  const leased = new Set(holdsLease(state, generation));
  return members.some((pid) => leased.has(pid)) ? members : [];
}

/**
 * All of them but those that are no use: those of the keeper's namespace while it lives, which needs no proof.
 *
 * The keeper, and a program of ours that only looks, have the keeper's FIFO open; scripts/reap.sh leaves them out as well.
 */
export function membersWith(
  keeper: ProcessId | undefined,
  state: StateDirectory,
  record: Record | undefined,
): number[] {
  const inode = keeper !== undefined && isAlive(keeper) ? namespaceInode(keeper.pid, 'net') : undefined;
  if (inode === undefined) return membersOf(state, record);
  const looks = onlyLooks(state, record?.generation);
  return processesInNetns(inode).filter((pid) => !looks(pid));
}

/** Has a process the keeper's FIFO open: the keeper itself, or a program of ours? */
export function onlyLooks(state: StateDirectory, generation: string | undefined): (pid: number) => boolean {
  const fifo = generation === undefined ? undefined : statOptional(state.keeperFifo(generation));
  return (pid) => {
    const open = fifo === undefined ? undefined : statOptional(`/proc/${pid}/fd/${KEEPER_FIFO_FD}`);
    return isSameFile(open, fifo);
  };
}

/** By this number reap.sh looks for it. */
const KEEPER_FIFO_FD = 4;

/** A command that outlived all of ours. */
export function findSurvivor(state: StateDirectory, record: Record | undefined): ProcessId | undefined {
  for (const pid of membersOf(state, record)) {
    const survivor = identifyProcess(pid);
    if (survivor !== undefined) return survivor;
  }
  return undefined;
}
