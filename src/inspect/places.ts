import { statSync } from 'node:fs';
import { join } from 'node:path';
import { mountsOf } from '../namespace/mountinfo.js';
import type { StateDirectory } from '../state/directory.js';
import { namespaceInode } from '../state/process.js';
import { namedNamespaces } from '../namespace/names.js';
import type { SeenProcess } from './processes.js';

/** A network namespace in which a container may be. */
export interface Place {
  inode: number;
  /** Where the caller finds it. */
  path: string;
  /** What it is called: its name in `rnetns netns`, else its path. */
  name: string;
  named: boolean;
  /** The first process in it. */
  pid: number | null;
}

/**
 * Named network namespaces, and those that somebody is in; each once, and not the shared one.
 *
 * @param root - of a process in whose mount namespace the names are mounted.
 */
export function findPlaces(
  state: StateDirectory,
  root: string,
  shared: number,
  seen: readonly SeenProcess[],
): Map<number, Place> {
  const firstIn = new Map<number, number>();
  for (const { pid, netns } of seen) if (!firstIn.has(netns)) firstIn.set(netns, pid);
  firstIn.delete(shared);
  const places = new Map<number, Place>();
  for (const [name, inode] of namedNamespaces(state)) {
    const path = root + join(state.namesSeen, name);
    if (inode === shared || places.has(inode)) continue;
    places.set(inode, { inode, path, name, named: true, pid: firstIn.get(inode) ?? null });
  }
  for (const [inode, pid] of firstIn) {
    const path = `/proc/${pid}/ns/net`;
    if (!places.has(inode)) places.set(inode, { inode, path, name: path, named: false, pid });
  }
  return places;
}

/**
 * Namespaces that nobody is in, and that are mounted on a file where only some command sees it: what `ip netns add` makes
 * in it. It takes a look at the mounts of everybody.
 */
export function findMountedPlaces(known: ReadonlyMap<number, Place>, seen: readonly SeenProcess[]): Place[] {
  const found = new Map<number, Place>();
  const looked = new Set<number>();
  for (const { pid } of seen) {
    const mounts = namespaceInode(pid, 'mnt');
    if (mounts === undefined || looked.has(mounts)) continue;
    looked.add(mounts);
    for (const { root, point } of mountsOf(pid)) {
      const inode = Number(/^net:\[(\d+)\]$/.exec(root)?.[1]);
      const path = `/proc/${pid}/root${point}`;
      if (!inode || known.has(inode) || found.has(inode) || inodeOf(path) !== inode) continue;
      found.set(inode, { inode, path, name: path, named: false, pid: null });
    }
  }
  return [...found.values()];
}

export function inodeOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.ino;
  } catch {
    return undefined;
  }
}
