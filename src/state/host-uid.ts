import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** In which directories one is named after a uid, and with which prefix: src/config/runtime-dir.ts. */
const PLACES = [
  ['/run/user', ''],
  ['/tmp', 'rnetns-'],
] as const;

/**
 * The caller's uid outside of all user namespaces, by which /run/user/UID and /tmp/rnetns-UID are named: a command of
 * ours has uid 0 inside and must find the same directory again. The first column of uid_map is ours, the second the
 * parent's (user_namespaces(7)). A command's user namespace is inside another one of ours, and the map leads to the ids of
 * that: then whatever is named after a uid, and is the caller's, tells. scripts/rnetns has the same rule.
 */
export function hostUid(): number {
  const uid = process.geteuid?.() ?? 0;
  const map = readFileSync('/proc/self/uid_map', 'latin1');
  const mapped = mapUid(map, uid);
  if (isHostMap(map) || PLACES.some(([place, prefix]) => isOwnDirectory(join(place, `${prefix}${mapped}`), uid)))
    return mapped;
  for (const [place, prefix] of PLACES) {
    const named = namesIn(place).find(
      (name) =>
        name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)) && isOwnDirectory(join(place, name), uid),
    );
    if (named !== undefined) return Number(named.slice(prefix.length));
  }
  return mapped;
}

function isHostMap(uidMap: string): boolean {
  return uidMap.trim().split(/\s+/).join(' ') === '0 0 4294967295';
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function isOwnDirectory(path: string, uid: number): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isDirectory() === true && stats.uid === uid;
}

export function mapUid(uidMap: string, uid: number): number {
  for (const line of uidMap.trim().split('\n')) {
    const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
    if (uid >= inside && uid < inside + count) return outside + (uid - inside);
  }
  return uid;
}
