import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { badSetting } from './bad-setting.js';
import { errnoCode, errnoReason } from './errno.js';

/**
 * The text of a settings file.
 *
 * @param askedBy - the flag or variable that names the file: it then has to be there. undefined: a standard place, which
 *   may be empty, but what is there must be readable, or settings that somebody made would be ignored in silence.
 */
export function readSettingsFile(path: string, askedBy?: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (askedBy === undefined && isMissing(cause)) return undefined;
    const from = askedBy === undefined ? '' : ` (${askedBy})`;
    throw badSetting({ source: `${path === '' ? '""' : path}${from}` }, errnoReason(cause), {
      hint: askedBy === undefined ? 'make it a readable file, or remove it' : `check ${askedBy}`,
      cause,
    });
  }
}

/** The `*.conf` files of a drop-in directory in the order podman reads them: by name; directories are left out. */
export function listDropIns(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.name.endsWith('.conf') && !entry.isDirectory())
      .map((entry) => join(directory, entry.name))
      .sort();
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw badSetting({ source: directory }, errnoReason(cause), { cause });
  }
}

/** ENOTDIR: a parent is a file, as with HOME=/dev/null, the usual home of a system user. */
function isMissing(cause: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errnoCode(cause) ?? '');
}
