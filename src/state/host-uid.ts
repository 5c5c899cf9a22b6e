import { readFileSync } from 'node:fs';

/**
 * The caller's uid outside of its user namespace, by which /run/user/UID and /tmp/rnetns-UID are named: a command of
 * ours has uid 0 inside and must find the same directory again. The first column of uid_map is ours, the second the
 * parent's (user_namespaces(7)).
 */
export function hostUid(): number {
  const uid = process.geteuid?.() ?? 0;
  return mapUid(readFileSync('/proc/self/uid_map', 'latin1'), uid);
}

export function mapUid(uidMap: string, uid: number): number {
  for (const line of uidMap.trim().split('\n')) {
    const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
    if (uid >= inside && uid < inside + count) return outside + (uid - inside);
  }
  return uid;
}
