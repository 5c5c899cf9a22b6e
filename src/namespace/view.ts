import { statSync } from 'node:fs';

/**
 * Is the directory another one for that process, in its mount namespace, than for us?
 *
 * A unit with PrivateTmp= has a /tmp of its own, and a sandbox a /run: what runs there with the same path as its state
 * directory holds another namespace, with other users. So does what has outlived the logout in which systemd-logind
 * unmounted /run/user/UID, once there is a new one.
 */
export function seesOther(pid: number, directory: string): boolean {
  try {
    const ours = statSync(directory, { throwIfNoEntry: false });
    if (ours === undefined) return false;
    const theirs = statSync(`/proc/${pid}/root${directory}`, { throwIfNoEntry: false });
    return ours.ino !== theirs?.ino || ours.dev !== theirs.dev;
  } catch {
    // Where we can't look, its arguments count.
    return false;
  }
}
