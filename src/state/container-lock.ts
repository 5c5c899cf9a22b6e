import { closeSync, fstatSync, ftruncateSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { processEnvironment } from '../config/environment.js';
import { ensureRuntimeDir, removeBase } from '../config/runtime-dir.js';
import { RnetnsError } from '../errors/error.js';
import { flock } from '../exec/flock.js';
import { writeError, type StateDirectory } from './directory.js';
import { isSameFile, listNames, readOptional } from './files.js';
import { hostUid } from './host-uid.js';
import { identifyProcess, isAlive } from './process.js';
import { ownUid } from './runtime.js';

/**
 * Theory of operation: one call at a time for a container
 *
 * What is done for a container takes several steps: plugins, the cache, counting its reference. Who decides by one of them what to do
 * with the others (gc: nobody counts it, so it is garbage) must not come in between. CNI leaves that to the runtime,
 * which here is us.
 *
 * The lock is flock(2) on a file of the container's in the runtime directory, not in the state: that comes and goes with
 * the namespace, while the lock is held before and after. The kernel drops it when its owner dies. The owner removes the
 * file with the lock in its hand, so whoever gets a lock looks whether the file is still the one of that name. What is left of
 * one that was killed, as owner or before it was one, goes the same way: by the next call, or with a namespace (scripts/teardown.sh).
 *
 * Order: a container's lock, then cni.lock or netavark's, then that of the state. Who has one of the others already only tries.
 */
export interface ContainerLock {
  readonly containerId: string;
  /** Given to the launcher as well: what it has begun goes on for a moment when its caller is killed. */
  readonly fd: number;
  release(): void;
}

/** Names of namespaces and containers have no +. */
const PREFIX = '.rnetns+';
/** An ADD takes as long as its plugins. `RNETNS_LOCK_SECONDS` is that of scripts/lock.sh. */
const WAIT_S = 60;
/** From making a file to writing into it there are milliseconds, more on a busy machine. */
const UNWRITTEN_MS = 1000;

/**
 * Wait for the lock of a container.
 *
 * @param act - for messages: "adding eth0 of web to network n".
 * @throws RnetnsError ERR_LOCK_TIMEOUT naming the owner; the reason of `signal`.
 */
export async function lockContainer(
  state: StateDirectory,
  containerId: string,
  act: string,
  signal?: AbortSignal,
): Promise<ContainerLock> {
  await removeForsaken(state.runtimeDir);
  const seconds = Number(processEnvironment().RNETNS_LOCK_SECONDS ?? WAIT_S) || WAIT_S;
  const lock = await lockWithin(state, containerId, act, seconds * 1000, signal);
  if (lock !== undefined) return lock;
  const owner = readOptional(pathOf(state, containerId))?.split('\n')[0] ?? '';
  const who = owner === '' ? 'another process' : `process ${owner}`;
  throw new RnetnsError(
    'ERR_LOCK_TIMEOUT',
    `${act} failed: ${who} kept the container ${containerId} for ${seconds} s`,
    { hint: 'look at that process; ending it frees the container at once' },
  );
}

/** The lock, if nobody has it. */
export function tryContainer(
  state: StateDirectory,
  containerId: string,
  act: string,
): Promise<ContainerLock | undefined> {
  return lockWithin(state, containerId, act, 0);
}

async function lockWithin(
  state: StateDirectory,
  containerId: string,
  act: string,
  waitMs: number,
  signal?: AbortSignal,
): Promise<ContainerLock | undefined> {
  const lock = await lockFile(pathOf(state, containerId), act, waitMs, signal);
  return lock && { containerId, ...lock };
}

async function lockFile(
  path: string,
  act: string,
  waitMs: number,
  signal?: AbortSignal,
): Promise<Omit<ContainerLock, 'containerId'> | undefined> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const fd = openLock(path);
    try {
      const left = Math.max(0, deadline - performance.now());
      if (!(await flock(fd, { waitMs: left, path: processEnvironment().PATH, signal }))) {
        closeSync(fd);
        return undefined;
      }
      if (isAt(fd, path)) {
        ftruncateSync(fd);
        writeSync(fd, `${process.pid} (${act})\n${identifyProcess(process.pid)?.startTicks ?? 0}\n`, 0);
        return { fd, release: () => release(fd, path) };
      }
    } catch (cause) {
      closeSync(fd);
      throw cause;
    }
    // The owner before us has removed it.
    closeSync(fd);
  }
}

function openLock(path: string): number {
  ensureRuntimeDir(dirname(path), ownUid(), hostUid());
  try {
    return openSync(path, 'a+', 0o600);
  } catch (cause) {
    throw writeError(path, cause);
  }
}

function release(fd: number, path: string): void {
  if (isAt(fd, path)) rmSync(path, { force: true });
  closeSync(fd);
  // Whoever took down the last namespace couldn't, while our file was there.
  const runtimeDir = dirname(path);
  removeBase({ runtimeDir, base: join(runtimeDir, 'rnetns') }, ownUid());
}

/** Remove the files that nobody has locked, and nobody will. */
export async function removeForsaken(runtimeDir: string): Promise<void> {
  for (const name of listNames(runtimeDir)) {
    if (!name.startsWith(PREFIX) || seemsOwned(join(runtimeDir, name))) continue;
    // What can't be removed is in the way of nothing.
    const lock = await lockFile(join(runtimeDir, name), 'removing it', 0).catch(() => undefined);
    lock?.release();
  }
}

/** The lock itself decides; but trying it takes a program, and most files, of which there may be hundreds, are owned. */
function seemsOwned(path: string): boolean {
  const [owner = '', start] = readOptional(path)?.split('\n') ?? [];
  const pid = Number.parseInt(owner, 10);
  if (!Number.isNaN(pid)) return isAlive({ pid, startTicks: Number(start) });
  // Its maker is about to lock it, or was killed before.
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < UNWRITTEN_MS;
}

function isAt(fd: number, path: string): boolean {
  return isSameFile(fstatSync(fd), statSync(path, { throwIfNoEntry: false }));
}

function pathOf(state: StateDirectory, containerId: string): string {
  return join(state.runtimeDir, `${PREFIX}${state.name}+${containerId}`);
}
