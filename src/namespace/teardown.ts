import { rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { removeBase } from '../config/runtime-dir.js';
import { RnetnsError } from '../errors/error.js';
import { runCommand } from '../exec/command.js';
import { removeForsaken } from '../state/container-lock.js';
import type { StateDirectory } from '../state/directory.js';
import { identifyProcess, killProcess } from '../state/process.js';
import { readRecord } from '../state/record.js';
import { findComponents, supervision, wayToM0, wayToO } from './components.js';
import { enterArguments } from './enter.js';
import { isInside } from './inside.js';
import { findSurvivor, membersOf } from './members.js';
import { isNamespaceFile } from './namespace-file.js';
import { SCRIPTS } from './scripts.js';

const TIMEOUT_MS = 15_000;

/**
 * End every process of a shared namespace and remove its state. The lock is held. What is already gone is success.
 *
 * @throws RnetnsError ERR_STATE_DIR naming what is left.
 */
export async function removeNamespace(state: StateDirectory, env: Readonly<Record<string, string>>): Promise<void> {
  const locked = inodeOf(state);
  const components = findComponents(state);
  if (isInside(state)) throw insideError(state, 'remove');
  const inM0 = wayToM0(state, components);
  const inO = wayToO(state, components);
  // The program runs in O because only root of a user namespace may remove what a command made under another of its
  // ids, or what an overlay left with mode 0. It runs in M0, or in a new one: never in a command's mounts or the keeper's,
  // where $XDG_RUNTIME_DIR is mounted below what is to be removed.
  const member = components.keeper ?? findSurvivor(state, readRecord(state));
  const newM0 = ['unshare', '--mount', '--propagation', 'slave', '--'];
  const teardown = ['sh', SCRIPTS.teardown, state.path];
  // Where its file isn't there, a process in it tells which one is meant.
  const inN = member === undefined ? [] : [String(member.pid)];
  const isMounted = inM0 !== undefined && isNamespaceFile(`/proc/${inM0.pid}/root${state.netns}`);
  const [file, ...args] =
    inM0 !== undefined
      ? [...enterArguments(inM0), ...teardown, ...(isMounted ? [] : inN)]
      : inO !== undefined
        ? [...enterArguments(inO), ...newM0, ...teardown, ...inN]
        : [];
  const survivors = [...supervision(state), components.keeper, components.driver];
  if (file !== undefined) await runCommand(file, args, { env, timeoutMs: TIMEOUT_MS });
  // Nobody leads back into O any more, so who is inside is ended from here.
  else
    membersOf(state, readRecord(state))
      .map(identifyProcess)
      .forEach((lost) => lost && killProcess(lost));
  // The program ended them all; this is for those that it could not reach, with nobody left to lead it to them. Not for
  // those that another call has started since the lock went with the state.
  for (const survivor of survivors) {
    if (survivor !== undefined) killProcess(survivor);
  }
  if (locked === undefined || inodeOf(state) !== locked) return;
  const paths = [state.outside, state.path];
  try {
    for (const path of paths) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    const command = ['--user', '--map-root-user', 'rm', '-rf', '--', ...paths];
    await runCommand('unshare', command, { env, timeoutMs: TIMEOUT_MS });
  }
  if (inodeOf(state) === locked) {
    throw new RnetnsError('ERR_STATE_DIR', `cannot remove ${state.path}: something in it is not yours`, {
      hint: `sudo rm -r ${state.path}`,
    });
  }
  await removeForsaken(state.runtimeDir);
  removeBase({ runtimeDir: state.runtimeDir, base: dirname(state.path) }, process.geteuid?.() ?? 0);
}

/** The lock goes with the directory: what is there by its name afterwards may be what the next caller has made. */
function inodeOf({ path }: StateDirectory): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

/** What needs O, when a command of the namespace asks for it. */
export function insideError({ path }: StateDirectory, act: 'mend' | 'remove'): RnetnsError {
  return new RnetnsError('ERR_NETNS', `cannot ${act} ${path} from inside`, {
    hint: 'run `rnetns repair` or `rnetns stop --force` outside of it',
  });
}
