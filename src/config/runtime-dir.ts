/**
 * Where the state of this user's namespaces lives: on a file system that a reboot empties, and the caller's alone.
 *
 * XDG base directory spec: $XDG_RUNTIME_DIR belongs to the user and is on a local file system; pam_systemd(8) makes
 * /run/user/UID. TMPDIR plays no part: CI runners give every job its own and remove it while the namespace lives
 * (https://github.com/containers/podman/issues/14192).
 *
 * A namespace is known by the path of its state, so the path has no links, `..` or doubled slashes in it: two spellings of
 * one directory are one namespace. scripts/rnetns (find_base) and scripts/lock.sh (prepare_state, remove_base) have the same
 * rules; test/contract/rules.test.ts holds them together.
 */

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  statSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { RnetnsError, type ErrorCode } from '../errors/error.js';
import { writeHint } from './confinement.js';
import { errnoCode, errnoReason } from './errno.js';
import { variable, type Environment } from './environment.js';

export interface RuntimeDirectory {
  /** $XDG_RUNTIME_DIR, /run/user/UID or /tmp/rnetns-UID, without links. */
  runtimeDir: string;
  /** The directory of the state directories, one per name; may still be missing, see `ensureBase`. */
  base: string;
}

/**
 * Find the runtime directory; makes nothing.
 *
 * @param uid - `process.geteuid()`: files made now are that user's.
 * @param root - put before /run and /tmp, for tests.
 * @param namedAfter - the uid in /run/user/UID and /tmp/rnetns-UID; another than `uid` inside a user namespace.
 * @throws RnetnsError `ERR_RUNTIME_DIR`: it is not the caller's, or not a directory.
 */
export function runtimeDirectory(env: Environment, uid: number, root = '', namedAfter = uid): RuntimeDirectory {
  const set = variable(env, 'XDG_RUNTIME_DIR');
  if (set !== undefined) return withBase(checkedXdgRuntimeDir(set, uid));

  const session = `${root}/run/user/${namedAfter}`;
  if (isOwnDirectory(session, uid)) return withBase(realpathSync(session));

  const name = root + fallbackPath(namedAfter);
  const fallback = existsSync(dirname(name)) ? join(realpathSync(dirname(name)), basename(name)) : name;
  checkFallback(fallback, uid);
  return withBase(fallback);
}

/**
 * Make what is missing of it, 0700, and look again at what is there: between `runtimeDirectory` and now somebody else may
 * have made /tmp/rnetns-UID.
 *
 * @throws RnetnsError `ERR_RUNTIME_DIR`; `ERR_STATE_DIR`: the base is foreign, open to others, or cannot be made.
 */
export function ensureBase({ runtimeDir, base }: RuntimeDirectory, uid: number, namedAfter = uid): void {
  ensureRuntimeDir(runtimeDir, uid, namedAfter);
  makePrivate(base, 'ERR_STATE_DIR');
  const stats = checkBase(base, uid);
  if (stats === undefined) throw failed('ERR_STATE_DIR', base, 'it was removed a moment after it was made');
  if ((stats.mode & 0o022) !== 0) {
    throw failed('ERR_STATE_DIR', base, `its mode is ${octal(stats)}: others can write to it`, `chmod 700 ${base}`);
  }
}

/** For a user without a session. @throws RnetnsError `ERR_RUNTIME_DIR` */
export function ensureRuntimeDir(runtimeDir: string, uid: number, namedAfter = uid): void {
  if (basename(runtimeDir) !== basename(fallbackPath(namedAfter))) return;
  makePrivate(runtimeDir, 'ERR_RUNTIME_DIR');
  checkFallback(runtimeDir, uid);
}

/**
 * The directory of the state directories as it is; undefined when there is none.
 *
 * @throws RnetnsError `ERR_STATE_DIR`: it is a link, no directory, or another user's.
 */
export function checkBase(base: string, uid: number): Stats | undefined {
  const stats = facts(base, lstatSync, 'ERR_STATE_DIR');
  if (stats !== undefined) checkOwnDirectory(base, stats, uid, 'ERR_STATE_DIR');
  return stats;
}

/**
 * Remove what the last state of all lay in, as far as it is empty and rnetns has made it: the base, where the named
 * namespaces were, and /tmp/rnetns-UID. The sticky bit tells that, for a name can be anybody's: podman has a directory
 * `netns` as well, and a user may call a directory in /tmp what he likes.
 */
export function removeBase({ runtimeDir, base }: RuntimeDirectory, uid: number): void {
  // Where plans are kept; those are nobody's state, and stay.
  removeMade(join(base, '.outside'), uid);
  removeMade(base, uid);
  if (existsSync(base) && readdirSync(base).some((name) => !name.startsWith('.'))) return;
  removeMade(join(runtimeDir, 'netns'), uid);
  if (isFallback(runtimeDir)) removeMade(runtimeDir, uid);
}

/** By its name is it the one in /tmp? */
export function isFallback(runtimeDir: string): boolean {
  return /^rnetns-\d+$/.test(basename(runtimeDir));
}

function removeMade(directory: string, uid: number): void {
  try {
    const stats = lstatSync(directory);
    if (stats.isDirectory() && stats.uid === uid && (stats.mode & MADE) !== 0) rmdirSync(directory);
  } catch {
    // It is gone already, or another name's state is in it.
  }
}

/** The sticky bit, on a directory that nobody else may write in, means nothing else. */
const MADE = 0o1000;

/** The /tmp directory of users without a session; predictable, hence the checks. */
function fallbackPath(uid: number): string {
  return `/tmp/rnetns-${uid}`;
}

function withBase(runtimeDir: string): RuntimeDirectory {
  return { runtimeDir, base: join(runtimeDir, 'rnetns') };
}

/** Whatever is in the way of a look at it, it is not a session's directory of this user. */
function isOwnDirectory(path: string, uid: number): boolean {
  try {
    const stats = statSync(path);
    return stats.isDirectory() && stats.uid === uid;
  } catch {
    return false;
  }
}

function checkedXdgRuntimeDir(set: string, uid: number): string {
  const what = `XDG_RUNTIME_DIR=${set}`;
  const unset = 'unset XDG_RUNTIME_DIR';
  if (!isAbsolute(set)) throw failed('ERR_RUNTIME_DIR', what, 'it is not an absolute path', unset);
  const stats = facts(set, statSync, 'ERR_RUNTIME_DIR', unset);
  if (stats === undefined) {
    const hint = `${unset}, or make it: loginctl enable-linger`;
    throw failed('ERR_RUNTIME_DIR', what, 'there is no such directory', hint);
  }
  if (!stats.isDirectory()) throw failed('ERR_RUNTIME_DIR', what, 'it is not a directory', unset);
  if (stats.uid !== uid) {
    // As after `su` and `sudo -E`, which keep the value of the user before.
    throw failed('ERR_RUNTIME_DIR', what, `it belongs to uid ${stats.uid}, and this is uid ${uid}`, unset);
  }
  return realpathSync(set);
}

/** Missing is fine; what is there must be a real directory, the caller's own, 0700. */
function checkFallback(path: string, uid: number): void {
  const stats = facts(path, lstatSync, 'ERR_RUNTIME_DIR');
  if (stats === undefined) return;
  checkOwnDirectory(path, stats, uid, 'ERR_RUNTIME_DIR');
  if ((stats.mode & 0o777) !== 0o700) {
    throw failed('ERR_RUNTIME_DIR', path, `its mode is ${octal(stats)}, not 0700`, `chmod 700 ${path}`);
  }
}

function checkOwnDirectory(path: string, stats: Stats, uid: number, code: ErrorCode): void {
  const elsewhere = 'set XDG_RUNTIME_DIR to a directory of your own';
  if (stats.isSymbolicLink()) throw failed(code, path, 'it is a symbolic link', `remove it, or ${elsewhere}`);
  if (!stats.isDirectory()) throw failed(code, path, 'it is not a directory', `remove it, or ${elsewhere}`);
  if (stats.uid !== uid) throw failed(code, path, `it belongs to uid ${stats.uid}, and this is uid ${uid}`, elsewhere);
}

function makePrivate(path: string, code: ErrorCode): void {
  try {
    mkdirSync(path, { mode: 0o700 | MADE });
    chmodSync(path, 0o700 | MADE); // a umask may have taken bits of the owner
  } catch (cause) {
    if (errnoCode(cause) === 'EEXIST') return;
    const hint = errnoCode(cause) === 'EROFS' ? writeHint(dirname(path)) : undefined;
    throw failed(code, path, errnoReason(cause), hint, cause);
  }
}

function facts(path: string, stat: typeof lstatSync, code: ErrorCode, hint?: string): Stats | undefined {
  try {
    return stat(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw failed(code, path, errnoReason(cause), hint, cause);
  }
}

function octal(stats: Stats): string {
  return (stats.mode & 0o7777).toString(8).padStart(4, '0');
}

function failed(code: ErrorCode, what: string, why: string, hint?: string, cause?: unknown): RnetnsError {
  const kind = code === 'ERR_STATE_DIR' ? 'state directory' : 'runtime directory';
  return new RnetnsError(code, `using the ${kind} failed on ${what}: ${why}`, { hint, cause });
}
