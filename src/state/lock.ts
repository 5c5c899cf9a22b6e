import { readdirSync, readFileSync, statSync } from 'node:fs';
import { ownPids } from './process.js';
import type { StateDirectory } from './directory.js';

/**
 * Does a process of the caller's hold the lock of this namespace, flock(2) on its directory? Without asking for it: that
 * would be in the way of those who do. By fdinfo (proc_pid_fdinfo(5)), for /proc/locks leaves out, in a pid namespace,
 * what a process took that has ended; flock(1) has.
 */
export function isLocked({ path }: StateDirectory): boolean {
  const directory = statSync(path, { throwIfNoEntry: false });
  if (directory === undefined) return false;
  return ownPids().some((pid) =>
    descriptorsOf(pid).some((fd) => {
      try {
        const open = statSync(`/proc/${pid}/fd/${fd}`);
        if (open.ino !== directory.ino || open.dev !== directory.dev) return false;
        return /^lock:.*FLOCK/m.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'latin1'));
      } catch {
        // It was closed meanwhile, or its process ended.
        return false;
      }
    }),
  );
}

function descriptorsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
}
