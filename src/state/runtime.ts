import { processEnvironment, type Environment } from '../config/environment.js';
import { runtimeDirectory, type RuntimeDirectory } from '../config/runtime-dir.js';
import { RnetnsError } from '../errors/error.js';
import { listNames } from './files.js';
import { hostUid } from './host-uid.js';

export const DEFAULT_NAME = 'default';
export const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** @throws RnetnsError ERR_USAGE naming what is allowed. */
export function checkName(name: string): string {
  if (NAME.test(name)) return name;
  throw new RnetnsError('ERR_USAGE', `bad name ${JSON.stringify(name)} for a shared namespace`, {
    hint: 'up to 64 letters, digits, and _ . - after the first',
  });
}

/** What is in the directory of the state directories, sorted; kept plans, which have a point before their name, are no state. */
export function stateNames(base: string): string[] {
  return listNames(base)
    .filter((name) => !name.startsWith('.'))
    .sort();
}

export function ownUid(): number {
  return process.geteuid?.() ?? 0;
}

/**
 * Where the caller's state is; makes nothing. Files inside a user namespace are ours by the uid there, and the
 * directories are named after the one outside.
 */
export function findRuntime(env: Environment = processEnvironment()): RuntimeDirectory {
  return runtimeDirectory(env, ownUid(), '', hostUid());
}
