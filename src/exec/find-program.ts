import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** Where Debian keeps ip, iptables and nft, and users have no PATH to. */
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/sbin'];

/** PATH as scripts/rnetns makes it before it runs anything. */
export function launcherPath(path: string | undefined): string {
  const all = path === undefined || path === '' ? '/usr/local/bin:/usr/bin:/bin' : path;
  return `:${all}:`.includes(':/usr/sbin:') ? all : `${all}:/usr/sbin`;
}

/** The caller's PATH with the system's directories at its end, each once. */
export function searchPath(path: string | undefined): string {
  const directories = launcherPath(path)
    .split(':')
    .filter((entry) => entry !== '');
  return [...new Set([...directories, ...SYSTEM_DIRECTORIES])].join(':');
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * The first executable file of this name, or undefined.
 *
 * @param accepts - another question than whether it is one, for callers who ask more.
 */
export function findProgram(
  name: string,
  directories: readonly string[],
  accepts: (path: string) => boolean = isExecutable,
): string | undefined {
  return directories.map((directory) => join(directory, name)).find((path) => accepts(path));
}
