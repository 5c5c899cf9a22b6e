import { statfsSync } from 'node:fs';
import { RnetnsError } from '../errors/error.js';
import { runCommand } from '../exec/command.js';
import { isAlive, type ProcessId } from '../state/process.js';
import { enterArguments } from './enter.js';
import { SCRIPTS } from './scripts.js';
import type { Surroundings } from './surroundings.js';

/** statfs(2) f_type of a namespace file. */
const NSFS_MAGIC = 0x6e736673;
const TIMEOUT_MS = 10_000;

/** Is a namespace mounted on this file, as this process or, through /proc/PID/root, another one sees it? */
export function isNamespaceFile(path: string): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch {
    return false;
  }
}

/** A member may end before it is mounted from. */
const ATTEMPTS = 5;

/**
 * Make the network namespace in M0, or mount the one that somebody still lives in.
 *
 * @param findMember - a process that is in it now; when there is none, it is gone and a new one is made.
 * @throws RnetnsError ERR_NETNS with the words of the program that failed.
 */
export async function ensureNetns(
  around: Surroundings,
  holder: ProcessId,
  findMember: () => ProcessId | undefined = () => undefined,
): Promise<void> {
  // In M0, the holder's mount namespace.
  if (isNamespaceFile(`/proc/${holder.pid}/root${around.state.netns}`)) return;
  const [file = '', ...args] = enterArguments({ pid: holder.pid, user: true, mount: true });
  for (let attempt = 1; ; attempt += 1) {
    const member = findMember();
    const script = ['sh', SCRIPTS.netns, around.state.path, ...(member === undefined ? [] : [String(member.pid)])];
    const { status, stderr, outcome } = await runCommand(file, [...args, ...script], {
      env: around.env,
      timeoutMs: TIMEOUT_MS,
    });
    if (status === 0) return;
    if (member !== undefined && !isAlive(member) && attempt < ATTEMPTS) continue;
    throw new RnetnsError(
      'ERR_NETNS',
      `cannot make the network namespace ${around.state.netns}: ${stderr.trim() || outcome}`,
      {
        hint: 'unshare(1) of util-linux and ip(8) of iproute2 must be installed',
      },
    );
  }
}
