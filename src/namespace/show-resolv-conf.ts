import type { Stats } from 'node:fs';
import { runCommand } from '../exec/command.js';
import type { StateDirectory } from '../state/directory.js';
import { isSameFile, statOptional } from '../state/files.js';
import { allPids, namespaceInode, type ProcessId } from '../state/process.js';
import { realPathIn } from './host-files.js';

/**
 * Theory of operation: our resolv.conf in the place of the host's, again
 *
 * A mount is on a file. Where the host replaces its resolv.conf by a rename, or leads the link elsewhere, whoever looks there sees
 * the host's from then on: the keeper, from which new commands have their mounts, and each command that runs, which has a copy of
 * its own. So each of their mount namespaces is looked at, and ours is mounted where the host's shows. Who sees another file than
 * that, a container with a root of its own or a command that has mounted one, is left alone.
 *
 * Runs in O and M0. What is in U is entered by way of the shared network, for nothing of U may ever be on the host's.
 */
export interface Shown {
  state: StateDirectory;
  keeper: ProcessId;
  /** Where the host's leads to, as in `resolvConfTarget`. */
  target: string;
  env: Readonly<Record<string, string>>;
}

const HOST_FILE = '/etc/resolv.conf';
const MOUNT = '[ -e "$2" ] || { mkdir -p -- "${2%/*}" && : >"$2"; }; exec mount --bind -- "$1" "$2"';
const TIMEOUT_MS = 5000;
/** So many at a time. */
const AT_ONCE = 4;

/** @returns how many see it again; words of those where it couldn't be mounted. */
export async function showResolvConf(shown: Shown): Promise<{ count: number; failed: string[] }> {
  const ours = statOptional(shown.state.resolvConf);
  const places = views(shown.keeper).flatMap((pid) => {
    const place = ours === undefined ? undefined : placeFor(pid, ours, shown);
    return place === undefined ? [] : [{ pid, place }];
  });
  const failed: string[] = [];
  const next = async (): Promise<void> => {
    for (let each = places.pop(); each !== undefined; each = places.pop()) {
      const words = await mountFor(each.pid, each.place, shown);
      // It may have ended meanwhile.
      if (words !== undefined && namespaceInode(each.pid, 'mnt') !== undefined) failed.push(words);
    }
  };
  const count = places.length;
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  return { count: count - failed.length, failed };
}

/** A process of each mount namespace on the shared network, in U or O. */
function views({ pid: keeper }: ProcessId): number[] {
  const ours = [namespaceInode(keeper, 'user'), namespaceInode('self', 'user')];
  const found = new Map<number, number>();
  for (const pid of allPids()) {
    if (namespaceInode(pid, 'net') !== namespaceInode(keeper, 'net') || !ours.includes(namespaceInode(pid, 'user')))
      continue;
    const inode = namespaceInode(pid, 'mnt');
    // In M0 are those of ours that are on their way.
    if (inode !== undefined && inode !== namespaceInode('self', 'mnt') && !found.has(inode)) found.set(inode, pid);
  }
  return [...found.values()];
}

/** Where ours has to be mounted for it; undefined: nowhere. */
function placeFor(pid: number, ours: Stats, { target, keeper }: Shown): string | undefined {
  const root = `/proc/${pid}/root`;
  const real = realPathIn(root, HOST_FILE);
  if (real === undefined) {
    const isHosts = isSameFile(statOptional(`${root}/etc`), statOptional('/etc'));
    return isHosts && target.startsWith('/run/') ? target : undefined;
  }
  const seen = statOptional(root + real);
  if (isSameFile(seen, ours)) return undefined;
  // What the keeper sees is what new commands see.
  return pid === keeper.pid || isSameFile(seen, statOptional(HOST_FILE)) ? real : undefined;
}

async function mountFor(pid: number, place: string, { state, env }: Shown): Promise<string | undefined> {
  const isOwn = namespaceInode(pid, 'user') === namespaceInode('self', 'user');
  const { status, stderr, outcome } = await runCommand(
    'nsenter',
    [
      ...[`--net=${state.netns}`, '--', 'nsenter', '--target', String(pid), '--mount', ...(isOwn ? [] : ['--user'])],
      ...['--preserve-credentials', '--', 'sh', '-c', MOUNT, 'sh', state.resolvConf, place],
    ],
    { env, timeoutMs: TIMEOUT_MS },
  );
  return status === 0
    ? undefined
    : `cannot mount resolv.conf on ${place} for process ${pid}: ${stderr.trim() || outcome}`;
}
