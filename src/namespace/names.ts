import { lstatSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import type { StateDirectory } from '../state/directory.js';
import { isSameFile, listNames } from '../state/files.js';
import { readLive } from '../state/live.js';
import { isAlive, ownPids, type ProcessId } from '../state/process.js';
import { readRecord } from '../state/record.js';
import { findComponents } from './components.js';
import { findSurvivor } from './members.js';

/**
 * The named network namespaces, sorted, with the inode of each.
 *
 * A name is a file in `names` on which a network namespace is mounted in M0; scripts/name.sh has the same rule, and says what
 * else may be there. Only M0 and its slaves show that, so a process that is in one of them is looked through.
 */
export function namedNamespaces(state: StateDirectory): Map<string, number> {
  const found = new Map<string, number>();
  const files = filesOfNames(state);
  if (files.length === 0) return found;
  const viewer = findViewer(state);
  if (viewer === undefined) return found;
  for (const name of files) {
    const inode = mountedFor(viewer.pid, state, name);
    if (inode !== undefined) found.set(name, inode);
  }
  // Who has died meanwhile has shown nothing.
  return isAlive(viewer) ? found : namedNamespaces(state);
}

/** What is in the directory, names or not; the hidden files of unfinished ones excepted. */
export function filesOfNames(state: StateDirectory): string[] {
  return listNames(state.names)
    .filter((name) => !name.startsWith('.'))
    .sort();
}

/** Those that are no names, and that no command has mounted anything on for itself: what one has left, or a kill. */
export function leftoversOfNames(state: StateDirectory): string[] {
  const names = namedNamespaces(state);
  const others = filesOfNames(state).filter((name) => !names.has(name));
  if (others.length === 0) return [];
  const pids = ownPids();
  const isRecent = (name: string): boolean =>
    Date.now() - Number(look(join(state.names, name))?.mtimeMs ?? 0) < MAKING_MS;
  return others.filter((name) => !isRecent(name) && !pids.some((pid) => mountedFor(pid, state, name) !== undefined));
}

/** ip(8) makes the file first, and mounts the namespace on it then. */
const MAKING_MS = 2000;

/** The inode of what that process sees mounted on the file of a name; undefined for the file itself. */
function mountedFor(pid: number, { names, namesSeen }: StateDirectory, name: string): number | undefined {
  const seen = look(join(`/proc/${pid}/root`, namesSeen, name));
  const file = look(join(names, name));
  if (seen?.isFile() !== true || isSameFile(seen, file)) return undefined;
  return Number(seen.ino);
}

/** Whoever is there of those that have M0, or a slave of it; the keeper can be looked at from inside as well. `live` costs less, but it may be damaged, or taken away to reap. */
function findViewer(state: StateDirectory): ProcessId | undefined {
  const live = readLive(state);
  const recorded = [live?.keeper, live?.supervisor].find((part) => part !== undefined && isAlive(part));
  if (recorded !== undefined) return recorded;
  const { keeper, supervisor, guard } = findComponents(state);
  return keeper ?? supervisor ?? guard ?? findSurvivor(state, readRecord(state));
}

function look(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    // Not ours to look at.
    return undefined;
  }
}
