import { statfsSync } from 'node:fs';

/** statfs(2) f_type of a namespace file. */
const NSFS_MAGIC = 0x6e736673;

/** Is a namespace mounted on this file, as this process or, through /proc/PID/root, another one sees it? */
export function isNamespaceFile(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch {
    return false;
  }
}
