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
    const theirs = statSync(`/proc/${pid}/root${directory}`, { throwIfNoEntry: false });
    // Where there is nothing, its arguments count: with its state somebody has removed what the keeper's mounts were on.
    if (ours === undefined || theirs === undefined) return false;
    return ours.ino !== theirs.ino || ours.dev !== theirs.dev;
  } catch {
    // The same where we can't look.
    return false;
  }
}
