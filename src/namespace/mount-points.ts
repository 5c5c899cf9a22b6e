import { chmodSync, closeSync, existsSync, lstatSync, mkdirSync, openSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RnetnsError } from '../errors/error.js';
import type { Mount } from '../plan/mounts.js';
import type { StateDirectory } from '../state/directory.js';

/**
 * Make what the mounts need in the state directory: sources and mount points that are ours. Others must be there, and
 * scripts/keeper.sh says so when one is not.
 *
 * @throws RnetnsError ERR_MOUNT naming both ends of the mount.
 */
export function makeMountPoints(state: StateDirectory, mounts: readonly Mount[]): void {
  for (const mount of mounts) {
    const { type, source, target } = mount;
    try {
      if (isIn(state, source) && !existsSync(source)) makeSeen(state, source);
      // overlay(5): the work directory is on the upper one's file system, and is nobody else's.
      if (type === 'overlay') mkdirSync(`${source}.work`, { recursive: true, mode: 0o700 });
      if (isIn(state, target)) makeTarget(state, mount);
      if (target === '/run') linkNames(state, source);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new RnetnsError('ERR_MOUNT', `cannot prepare to mount ${source} on ${target}: ${why}`, { cause });
    }
  }
}

/** ip-netns(8) looks for names in /run/netns. */
function linkNames({ namesSeen }: StateDirectory, run: string): void {
  const link = join(run, 'netns');
  if (lstatSync(link, { throwIfNoEntry: false }) === undefined) symlinkSync(namesSeen, link);
}

function makeTarget(state: StateDirectory, { type, source, target }: Mount): void {
  if (type === 'tmpfs' || !existsSync(source) || statSync(source).isDirectory()) {
    makeSeen(state, target);
  } else {
    makeSeen(state, dirname(target));
    closeSync(openSync(target, 'a', 0o644));
  }
}

/**
 * A directory that stands for one of the host's inside, /run for one: other users of the namespace must get through it. The
 * state directory, which is ours alone, is above it; the umask is the caller's.
 */
function makeSeen(state: StateDirectory, directory: string): void {
  if (directory === state.path || existsSync(directory)) return;
  makeSeen(state, dirname(directory));
  mkdirSync(directory);
  chmodSync(directory, 0o755);
}

function isIn({ path }: StateDirectory, file: string): boolean {
  return file.startsWith(`${path}/`);
}
