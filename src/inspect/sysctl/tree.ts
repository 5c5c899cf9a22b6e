import { closeSync, constants, openSync, readFileSync, readdirSync, statSync, writeSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { errnoCode } from '../../config/errno.js';

/** What a sysctl holds, or why that can't be told: the code of read(2)'s error. */
export type Reading = { text: string } | { error: string };

export interface Sysctl {
  /** Below /proc/sys: `net/ipv4/ip_forward`. */
  name: string;
  /** Permission bits. */
  mode: number;
  reading: Reading;
}

/** One text for a value or the lack of one: two readings are the same when these are. */
export function shown(reading: Reading): string {
  return 'text' in reading ? reading.text : `(${reading.error})`;
}

/**
 * All sysctls of a part of the tree, by name. What the kernel shows below `net` is that of the network namespace of the
 * process that looks, whichever mount of procfs it looks at (net_ctl_root, net/sysctl_net.c).
 */
export function readTree(root: string, part: string): Map<string, Sysctl> {
  const tree = new Map<string, Sysctl>();
  for (const name of entriesBelow(root, part).sort()) {
    const stat = statSync(join(root, name), { throwIfNoEntry: false });
    // One of an interface that has gone meanwhile.
    if (stat?.isFile() !== true) continue;
    tree.set(name, { name, mode: stat.mode & 0o777, reading: readSysctl(root, name) });
  }
  return tree;
}

function entriesBelow(root: string, part: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(join(root, part), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const name = `${part}/${entry.name}`;
    return entry.isDirectory() ? entriesBelow(root, name) : [name];
  });
}

export function readSysctl(root: string, name: string): Reading {
  try {
    return { text: readFileSync(join(root, name), 'utf8').trimEnd() };
  } catch (error) {
    return { error: codeOf(error) };
  }
}

/** In one write(2), as the kernel wants it. Returns the error's code, or undefined. */
export function writeSysctl(root: string, name: string, text: string): string | undefined {
  try {
    // Without O_CREAT: the tree is the kernel's.
    const fd = openSync(join(root, name), constants.O_WRONLY | constants.O_TRUNC);
    try {
      writeSync(fd, `${text}\n`);
    } finally {
      closeSync(fd);
    }
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  return errnoCode(error) ?? String(error);
}
