import { readdirSync, readFileSync } from 'node:fs';
import { scopeOf } from '../namespace/scope.js';
import { hostUid } from '../state/host-uid.js';

/** What keeps a namespace up when the unit that it was made in stops, and when its user logs out. */
export interface Protection {
  /** The systemd scope of its own that it is in; null: it goes with the unit or session of whoever made it. */
  scope: string | null;
  /** Does the user's systemd manager outlive the user's last session (loginctl(1), enable-linger)? null: nobody knows. */
  linger: boolean | null;
}

/** Where systemd-logind keeps a file for each user that lingers; it makes the directory when it starts. */
const LINGER = '/var/lib/systemd/linger';

/** @param pid - a process that holds the namespace; undefined when none is left. */
export function readProtection(pid: number | undefined): Protection {
  return { scope: pid === undefined ? null : scopeOf(pid), linger: readLinger() };
}

/** null: nobody knows. */
export function readLinger(): boolean | null {
  try {
    const lingering = readdirSync(LINGER);
    if (lingering.length === 0) return false;
    const user = userName(hostUid());
    return user === undefined ? null : lingering.includes(user);
  } catch {
    return null;
  }
}

/** By the uid outside: a command of ours is root inside. */
function userName(uid: number): string | undefined {
  const entries = readFileSync('/etc/passwd', 'utf8').split('\n');
  return entries.map((line) => line.split(':')).find((fields) => fields[2] === String(uid))?.[0];
}
