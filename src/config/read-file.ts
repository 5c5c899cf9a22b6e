import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { badSetting } from './bad-setting.js';
import { errnoCode, errnoReason } from './errno.js';

type Skip = (path: string, why: string) => void;

/**
 * The text of a settings file.
 *
 * @param askedBy - the flag or variable that names the file: it then has to be there. undefined: a standard place, which
 *   may be empty, or out of reach: after `su` or `sudo -E` HOME is another user's, and a unit with ProtectHome= has none.
 * @param skip - told of a file that can't be reached, and why: settings that somebody made are not ignored in silence.
 */
export function readSettingsFile(path: string, askedBy: string | undefined, skip: Skip): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (askedBy === undefined && isMissing(cause)) return undefined;
    if (askedBy === undefined && isOutOfReach(cause)) {
      skip(path, errnoReason(cause));
      return undefined;
    }
    const from = askedBy === undefined ? '' : ` (${askedBy})`;
    throw badSetting({ source: `${path === '' ? '""' : path}${from}` }, errnoReason(cause), {
      hint: askedBy === undefined ? 'make it a readable file, or remove it' : `check ${askedBy}`,
      cause,
    });
  }
}

/** The `*.conf` files of a drop-in directory in the order podman reads them: by name; directories are left out. */
export function listDropIns(directory: string, skip: Skip): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.name.endsWith('.conf') && !entry.isDirectory())
      .map((entry) => join(directory, entry.name))
      .sort();
  } catch (cause) {
    if (isMissing(cause)) return [];
    if (isOutOfReach(cause)) {
      skip(directory, errnoReason(cause));
      return [];
    }
    throw badSetting({ source: directory }, errnoReason(cause), { cause });
  }
}

/** A home that is closed to us, or on a file system that doesn't answer. */
function isOutOfReach(cause: unknown): boolean {
  return ['EACCES', 'EPERM', 'ENOTCONN', 'ESTALE', 'ENOKEY'].includes(errnoCode(cause) ?? '');
}

/** ENOTDIR: a parent is a file, as with HOME=/dev/null, the usual home of a system user. */
function isMissing(cause: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errnoCode(cause) ?? '');
}
