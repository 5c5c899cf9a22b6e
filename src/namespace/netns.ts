import { statfsSync } from 'node:fs';
import { RnetnsError } from '../errors/error.js';
import { runCommand } from '../exec/command.js';
import type { ProcessId } from '../state/process.js';
import { enterArguments } from './enter.js';
import { SCRIPTS } from './scripts.js';
import type { Surroundings } from './surroundings.js';

/** statfs(2) f_type of a namespace file. */
export const NSFS_MAGIC = 0x6e736673;
const TIMEOUT_MS = 10_000;

/** Is the network namespace mounted on its file in M0, the holder's mount namespace? */
function isNetnsMounted({ state }: Surroundings, holder: ProcessId): boolean {
  try {
    return statfsSync(`/proc/${holder.pid}/root${state.netns}`).type === NSFS_MAGIC;
  } catch {
    return false;
  }
}

/**
 * Make the network namespace in M0, or mount the one that `member` still lives in.
 *
 * @throws RnetnsError ERR_NETNS with the words of the program that failed.
 */
export async function ensureNetns(around: Surroundings, holder: ProcessId, member?: ProcessId): Promise<void> {
  if (isNetnsMounted(around, holder)) return;
  const [file = '', ...args] = enterArguments({ pid: holder.pid, user: true, mount: true });
  const script = ['sh', SCRIPTS.netns, around.state.path, ...(member === undefined ? [] : [String(member.pid)])];
  const { status, stderr, outcome } = await runCommand(file, [...args, ...script], {
    env: around.env,
    timeoutMs: TIMEOUT_MS,
  });
  if (status !== 0) {
    throw new RnetnsError(
      'ERR_NETNS',
      `cannot make the network namespace ${around.state.netns}: ${stderr.trim() || outcome}`,
      {
        hint: 'unshare(1) of util-linux and ip(8) of iproute2 must be installed',
      },
    );
  }
}
