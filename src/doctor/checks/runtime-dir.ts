import { constants } from 'node:fs';
import { open, stat, statfs } from 'node:fs/promises';
import { errnoCode, errnoReason } from '../../config/errno.js';
import { RnetnsError } from '../../errors/error.js';
import { shellWord } from '../../exec/shell-word.js';
import { checkClosed } from '../../state/directory.js';
import { check, fail, ok, warn, type Finding } from '../check.js';
import type { Host } from '../host.js';

/** open(2), O_TMPFILE with O_DIRECTORY: a file that never has a name, so that none can be left. */
const O_TMPFILE = 0o20200000;
/** What a namespace needs with some room. */
const NEEDED_BYTES = 64 * 1024;
/** statfs(2), f_type. */
const MEMORY_FILE_SYSTEMS: Readonly<Record<number, string>> = { 0x01021994: 'tmpfs', 0x858458f6: 'ramfs' };

export const runtimeDir = check('runtime-dir', { gather, judge });

interface Facts {
  error?: Error;
  path: string;
  exists: boolean;
  mode: number;
  fileSystem: string | undefined;
  /** Why no file of this size can be made; undefined when it can. */
  unwritable: string | undefined;
}

async function gather({ runtime, state }: Host): Promise<Facts> {
  const nothing = { path: '', exists: false, mode: 0o700, fileSystem: undefined, unwritable: undefined };
  if (runtime instanceof Error) return { ...nothing, error: runtime };
  const path = runtime.runtimeDir;
  try {
    if (state !== undefined) checkClosed(state);
  } catch (error) {
    return { ...nothing, path, error: error instanceof Error ? error : new Error(String(error)) };
  }
  let mode: number;
  try {
    ({ mode } = await stat(path));
  } catch (error) {
    if (errnoCode(error) === 'ENOENT') return { ...nothing, path };
    throw error;
  }
  const { type } = await statfs(path);
  return { path, exists: true, mode, fileSystem: MEMORY_FILE_SYSTEMS[type], unwritable: await tryWriting(path) };
}

async function tryWriting(directory: string): Promise<string | undefined> {
  try {
    const file = await open(directory, O_TMPFILE | constants.O_RDWR, 0o600);
    try {
      const { bytesWritten } = await file.write(Buffer.alloc(NEEDED_BYTES));
      return bytesWritten === NEEDED_BYTES ? undefined : 'no space is left on it';
    } finally {
      await file.close();
    }
  } catch (error) {
    // Some file systems have no files without a name: then its numbers must do.
    if (errnoCode(error) === 'EOPNOTSUPP') {
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize < NEEDED_BYTES ? 'no space is left on it' : undefined;
    }
    return errnoCode(error) === 'ENOSPC' ? 'no space is left on it' : errnoReason(error);
  }
}

function judge({ error, path, exists, mode, fileSystem, unwritable }: Facts): Finding {
  if (error !== undefined) {
    return fail(error.message, error instanceof RnetnsError ? (error.hint ?? null) : null);
  }
  if (!exists) {
    return warn(
      `${path} will be made: there is no /run/user directory of yours`,
      'log in by a session of systemd-logind, or loginctl enable-linger; su and sudo open none',
    );
  }
  const octal = (mode & 0o7777).toString(8).padStart(4, '0');
  if (unwritable !== undefined) {
    return fail(
      `${path} can't be written: ${unwritable}`,
      'free some space in it, or let XDG_RUNTIME_DIR name another',
    );
  }
  if ((mode & 0o022) !== 0)
    return fail(`${path} has mode ${octal}: others may write in it`, `chmod 700 ${shellWord(path)}`);
  if ((mode & 0o077) !== 0)
    return warn(`${path} has mode ${octal}: others may look into it`, `chmod 700 ${shellWord(path)}`);
  if (fileSystem === undefined) {
    return warn(`${path} is on a disk`, 'let XDG_RUNTIME_DIR name a directory on a tmpfs, which a reboot empties');
  }
  return ok(`${path}, mode ${octal}, on a ${fileSystem}`);
}
