import { release } from 'node:os';
import { check, fail, ok, warn, type Finding } from '../check.js';

export const kernel = check('kernel', { gather: () => release(), judge });

/** Exported for its test. @param version - uname(2)'s release, such as `6.1.0-18-amd64`. */
export function judge(version: string): Finding {
  const [, major = '', minor = ''] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === '') return warn(`${version}: not a version of Linux`);
  const older = (than: [number, number]) =>
    Number(major) < than[0] || (Number(major) === than[0] && Number(minor) < than[1]);
  // Two dentries of one directory inode, which a fuzzer found: taking both their locks waits for itself.
  if (older([3, 9])) {
    return fail(`${version}: older than 3.9, in which directories of /proc/net have aliases, and may deadlock`, UPDATE);
  }
  // nsfs: by it a namespace's file is told from another (statfs(2)).
  if (older([3, 19])) {
    return fail(`${version}: older than 3.19, in which files of namespaces can't be told from others`, UPDATE);
  }
  if (older([5, 11])) {
    const lacks = 'no overlay in user namespaces, so that what is in /var/lib/cni is hidden inside';
    return warn(`${version}: older than 5.11: ${lacks}`, UPDATE);
  }
  return ok(version);
}

const UPDATE = 'update the kernel, and reboot';
