import { lstatSync, readlinkSync } from 'node:fs';
import { readOptional } from '../state/files.js';
import { namespaceInode } from '../state/process.js';

/** path_resolution(7) */
const MAX_LINKS = 40;

/**
 * A function that reads text at a path as a process sees it; undefined where there is none, or it can't be read. Whoever asks
 * may have mounts of its own, as `ip netns exec` gives them for /etc/resolv.conf.
 *
 * By way of /proc/PID/root, where the kernel takes a link with a path from the root for one from the reader's root: so links are
 * followed by hand.
 */
export function filesSeenBy(pid: number): (path: string) => string | undefined {
  const inode = namespaceInode(pid, 'mnt');
  if (inode !== undefined && inode === namespaceInode('self', 'mnt')) return readOptional;
  const root = `/proc/${pid}/root`;
  return (path) => {
    const real = realPathIn(root, path);
    return real === undefined ? undefined : readOptional(root + real);
  };
}

/** The path without links, below that root; undefined: there is nothing. */
export function realPathIn(root: string, path: string): string | undefined {
  let at: string[] = [];
  const rest = partsOf(path);
  let links = 0;
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    if (part === '..') {
      at.pop();
      continue;
    }
    const link = linkAt(`${root}/${[...at, part].join('/')}`);
    if (link === undefined) return undefined;
    if (link === null) {
      at.push(part);
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return undefined;
    if (link.startsWith('/')) at = [];
    rest.unshift(...partsOf(link));
  }
  return `/${at.join('/')}`;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** Null: no link; undefined: nothing, or nothing that we may look at. */
function linkAt(path: string): string | null | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null;
  } catch {
    return undefined;
  }
}
