import { namedNamespaces } from '../namespace/names.js';
import type { StateDirectory } from '../state/directory.js';
import { namespaceInode, ownPids } from '../state/process.js';

/** A named network namespace. */
export interface NamedNetns {
  name: string;
  /** Of the namespace (namespaces(7)). */
  inode: number;
  /** How many of the caller's processes are in it. */
  processes: number;
}

/** Sorted by name; none of a shared namespace that is down. Never waits for the lock. */
export function listNamed(state: StateDirectory): NamedNetns[] {
  const names = namedNamespaces(state);
  if (names.size === 0) return [];
  const count = new Map<number, number>();
  for (const pid of ownPids()) {
    const inode = namespaceInode(pid, 'net');
    if (inode !== undefined) count.set(inode, (count.get(inode) ?? 0) + 1);
  }
  return [...names].map(([name, inode]) => ({ name, inode, processes: count.get(inode) ?? 0 }));
}
