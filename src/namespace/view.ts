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

/**
 * Is the directory gone from that process's mount namespace, while we have it? What a mount namespace has mounted on a directory
 * goes with that directory, also when another one removes it: podman removes the /run of its own
 * rootless network namespace under whoever was started in there.
 */
export function hasLost(pid: number, directory: string): boolean {
  try {
    const [ours, theirs] = [directory, `/proc/${pid}/root${directory}`].map((path) =>
      statSync(path, { throwIfNoEntry: false }),
    );
    return ours !== undefined && theirs === undefined;
  } catch {
    return false;
  }
}
