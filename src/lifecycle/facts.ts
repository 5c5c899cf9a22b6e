import { lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname } from 'node:path';
import { Inputs } from '../config/inputs.js';
import { runCommand } from '../exec/command.js';
import { findProgram, isExecutable } from '../exec/find-program.js';
import { parseGetsubids, parseSubids, planIdMap, subidsProblem, type SubidRange } from '../plan/id-map.js';
import type { IdMap } from '../plan/plan.js';
import { readOptional } from '../state/files.js';

/** What the plan depends on and only the host knows. Nothing here changes anything. */

const GETSUBIDS_TIMEOUT_MS = 5000;
/** Bit of CAP_SYS_ADMIN in CapEff, linux/capability.h. */
const CAP_SYS_ADMIN = 21n;

/** Are we in a user namespace that isn't the host's, with the right to make namespaces in it? Then it will do. */
export function hasOwnUserns(): boolean {
  const map = readFileSync('/proc/self/uid_map', 'latin1').trim().split(/\s+/);
  const isHost = map.join(' ') === '0 0 4294967295';
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return !isHost && ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
}

/** The caller's ids, and the subordinate ones of /etc/subuid and /etc/subgid if newuidmap(1) is there to map them. */
export async function readIdMap(
  path: readonly string[],
  env: Readonly<Record<string, string>>,
  inputs = new Inputs(),
  warn: (message: string) => void = () => undefined,
): Promise<IdMap> {
  const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
  const find = (program: string): string | undefined => findProgram(program, path, inputs.noting(isExecutable));
  const readText = inputs.noting(readOptional);
  const mappers = ['newuidmap', 'newgidmap'].every((program) => find(program) !== undefined);
  if (!mappers) return { uid: planIdMap(uid, []), gid: planIdMap(gid, []) };
  // Of the user's name, which newuidmap(1) looks for as well.
  inputs.note('/etc/passwd');
  const nsswitch = readText('/etc/nsswitch.conf') ?? '';
  const user = userName();
  const getsubids = find('getsubids');
  const ranges = async (file: string, option: string[]): Promise<SubidRange[]> => {
    const text = readText(file) ?? '';
    const problem = subidsProblem(text, user, uid, file);
    if (problem !== undefined) warn(`${problem.why}: ${problem.hint}`);
    const own = parseSubids(text, user, uid);
    if (own.length > 0 || getsubids === undefined || user === '') return own;
    // Ids from a directory service (nsswitch.conf(5), subid) are in no file.
    if (/^\s*subid:/m.test(nsswitch)) inputs.cannotKeep('subordinate ids come from a directory service');
    const { status, stdout } = await runCommand(getsubids, [...option, user], { env, timeoutMs: GETSUBIDS_TIMEOUT_MS });
    return status === 0 ? parseGetsubids(stdout) : [];
  };
  const [uids, gids] = await Promise.all([ranges('/etc/subuid', []), ranges('/etc/subgid', ['-g'])]);
  return { uid: planIdMap(uid, uids), gid: planIdMap(gid, gids) };
}

/** '' for a uid without a name: CI containers have such. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

/** For resolvConfTarget: a link's text, null for what is no link, undefined for what isn't there. */
export function readLink(path: string): string | null | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  return stats.isSymbolicLink() ? readlinkSync(path) : null;
}

/** False also for what can't be looked at. */
export function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** /var/lib/cni, or its nearest parent that exists. */
export function cniDirectory(exists: (path: string) => boolean): { exists: boolean; parent: string } {
  let parent = '/var/lib/cni';
  while (!exists(parent)) parent = dirname(parent);
  return { exists: parent === '/var/lib/cni', parent };
}
