import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { StateDirectory } from '../state/directory.js';
import { readLive } from '../state/live.js';
import { namespaceInode, ownPids } from '../state/process.js';
import { namesOf } from '../state/references.js';

/** A named network namespace. */
export interface NamedNetns {
  name: string;
  /** Of the namespace (namespaces(7)); null while nobody can see it, for the keeper is dead. */
  inode: number | null;
  /** How many of the caller's processes are in it. */
  processes: number;
}

/** Sorted by name; none of a shared namespace that is down. Never waits for the lock. */
export function listNamed(state: StateDirectory): NamedNetns[] {
  const names = namesOf(state);
  if (names.length === 0) return [];
  const count = new Map<number, number>();
  for (const pid of ownPids()) {
    const inode = namespaceInode(pid, 'net');
    if (inode !== undefined) count.set(inode, (count.get(inode) ?? 0) + 1);
  }
  const keeper = readLive(state)?.keeper.pid;
  return names.map((name) => {
    const inode = keeper === undefined ? undefined : inodeSeenBy(keeper, state, name);
    return { name, inode: inode ?? null, processes: inode === undefined ? 0 : (count.get(inode) ?? 0) };
  });
}

/** Of one; undefined when there is none of that name. */
export function inodeOf(state: StateDirectory, name: string): number | undefined {
  const keeper = readLive(state)?.keeper.pid;
  return keeper === undefined ? undefined : inodeSeenBy(keeper, state, name);
}

/** Only in M0 and its slaves, such as the keeper's mounts, is the namespace mounted on its name. */
function inodeSeenBy(keeper: number, state: StateDirectory, name: string): number | undefined {
  try {
    return statSync(`/proc/${keeper}/root${join(state.namesSeen, name)}`).ino;
  } catch {
    // Not there, or its keeper is in a user namespace that we may not look into.
    return undefined;
  }
}
