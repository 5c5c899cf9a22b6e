import { statSync } from 'node:fs';
import { RnetnsError } from '../errors/error.js';
import { BackgroundProcess } from '../exec/background.js';
import type { Mount } from '../plan/mounts.js';
import type { StateDirectory } from '../state/directory.js';
import { identifyProcess, type ProcessId } from '../state/process.js';
import { enterArguments } from './enter.js';
import { makeMountPoints } from './mount-points.js';
import { SCRIPTS } from './scripts.js';
import type { Surroundings } from './surroundings.js';

const READY_MS = 15_000;

/**
 * Start the keeper: M1 with its mounts, in the network namespace.
 *
 * @throws RnetnsError ERR_MOUNT that names source and target of the mount that failed.
 */
export async function startKeeper(
  around: Surroundings,
  holder: ProcessId,
  mounts: readonly Mount[],
): Promise<ProcessId> {
  const { state, generation, env } = around;
  makeMountPoints(state, mounts);
  const [file = '', ...args] = enterArguments({ pid: holder.pid, user: true, mount: true });
  const keeper = new BackgroundProcess(
    file,
    [
      ...args,
      ...['sh', SCRIPTS.keeperWay, state.path],
      ...['sh', SCRIPTS.keeper, state.path, generation],
      ...mounts.flatMap(({ type, source, target }) => [type, source, target]),
    ],
    env,
  );
  try {
    await keeper.line(READY_MS);
    const process = identifyProcess(keeper.pid ?? 0);
    if (process === undefined) throw new Error('ended at once');
    keeper.release();
    return process;
  } catch (cause) {
    const words = keeper.stderr;
    keeper.kill();
    throw new RnetnsError('ERR_MOUNT', `cannot prepare the mounts: ${words || String(cause)}`, { cause });
  }
}

/**
 * Is our resolv.conf where commands look for it? Not after the host's has been replaced by a rename, which takes every
 * mount on the old file away, in all mount namespaces (https://github.com/rootless-containers/rootlesskit/issues/5).
 */
export function showsResolvConf({ resolvConf }: StateDirectory, keeper: ProcessId, target: string): boolean {
  const seen = statSync(`/proc/${keeper.pid}/root${target}`, { throwIfNoEntry: false });
  const ours = statSync(resolvConf, { throwIfNoEntry: false });
  return ours !== undefined && seen?.ino === ours.ino && seen.dev === ours.dev;
}
