import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
  type BigIntStats,
  type Stats,
} from 'node:fs';
import { errnoCode } from '../config/errno.js';
import { removeProbe, writeError } from './directory.js';

/**
 * Replace a file's content in one step: beside it, synced, renamed. A reader or a crash sees the old or the new one.
 *
 * @param temporary - on the same file system; beside it unless given.
 * @throws RnetnsError ERR_STATE_DIR; the old file is as it was.
 */
export function writeAtomic(path: string, content: string, temporary = `${path}.${process.pid}.tmp`): void {
  try {
    const file = openSync(temporary, 'w', 0o600);
    try {
      writeSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    replace(temporary, path);
  } catch (cause) {
    removeProbe(temporary);
    throw writeError(path, cause);
  }
}

function replace(temporary: string, path: string): void {
  try {
    renameSync(temporary, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EISDIR') throw cause;
    // Nobody but an accident makes a directory of that name.
    rmSync(path, { recursive: true });
    renameSync(temporary, path);
  }
}

/** The file's text, or undefined when there is none or it can't be read. A FIFO of that name would block who reads it. */
export function readOptional(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

/** What is at a path, through links; undefined when there is nothing, or it may not be looked at. */
export function statOptional(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Two looks at one file, by whichever names; what isn't there is no file's twin. */
export function isSameFile(one: FileIdentity | undefined, other: FileIdentity | undefined): boolean {
  return one !== undefined && one.ino === other?.ino && one.dev === other.dev;
}

/** Of stat(2). */
type FileIdentity = Pick<Stats, 'ino' | 'dev'> | Pick<BigIntStats, 'ino' | 'dev'>;

/** The names in a directory; none of one that isn't there or can't be read. */
export function listNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

const ATTEMPTS = 50;

/** 0700, unless it is there. */
export function makeDirectory(path: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      return;
    } catch (cause) {
      // Node looks what it is that is there already: others may have removed it in between.
      if (errnoCode(cause) !== 'ENOENT' || attempt === ATTEMPTS) throw writeError(path, cause);
    }
  }
}

/** A file that is there gets this text and no other, the same inode; nothing is made. Only for one with its own lock. */
export function overwrite(path: string, text: string): void {
  const file = openSync(path, 'r+');
  try {
    // Before the write: a writer that is killed in between leaves a text that is torn, never one with another one's end.
    ftruncateSync(file);
    writeSync(file, text);
  } finally {
    closeSync(file);
  }
}

/** The same inode, because it is what commands have mounted: they would never see a renamed file. */
export function writeInPlace(path: string, text: string): void {
  try {
    // A directory or a link of that name is nobody's but an accident's.
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) rmSync(path, { recursive: true });
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
    try {
      // By one write, with newlines over what is longer now, for who reads meanwhile is to find no half of a line.
      const whole = Buffer.from(text);
      const longer = Math.min(Math.max(fstatSync(file).size - whole.length, 0), 1 << 16);
      writeSync(file, Buffer.concat([whole, Buffer.alloc(longer, '\n')]), 0, undefined, 0);
      ftruncateSync(file, whole.length);
      // Whatever the umask: inside, it is everybody's.
      fchmodSync(file, 0o644);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw writeError(path, cause);
  }
}
