import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** Where Debian keeps ip, iptables and nft, and users have no PATH to. */
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/sbin'];

/** The caller's PATH with the system's directories at its end, each once. */
export function searchPath(path: string | undefined): string {
  const directories = (path ?? '/usr/local/bin:/usr/bin:/bin').split(':').filter((entry) => entry !== '');
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

/** The first executable file of this name, or undefined. */
export function findProgram(
  name: string,
  directories: readonly string[],
  isOther: (path: string) => boolean = () => false,
): string | undefined {
  return directories.map((directory) => join(directory, name)).find((path) => isExecutable(path) && !isOther(path));
}
