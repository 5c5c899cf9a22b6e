/** The processes of one state directory by their role, and no others: told by their arguments, as rnetns itself does. */

import { readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parentPid, processGroup } from '../../src/state/process.js';
import { allProcesses, commandLine } from '../fixtures/processes.js';

const SCRIPTS = ['supervisor', 'keeper', 'teardown'] as const;

/**
 * `node` is one that makes, mends or stops; it has no state directory in its arguments, but a name. `child` is a fork of the
 * supervisor that waits for something, and is not the guard.
 */
export type Role = (typeof SCRIPTS)[number] | 'guard' | 'child' | 'driver' | 'node';

export const ROLES: readonly Role[] = [...SCRIPTS, 'guard', 'child', 'driver', 'node'];

/** The supervisor leads its process group, and its guard has a file of that name open. */
function kindOfSupervisor(pid: number): Role {
  if (processGroup(pid) === pid) return 'supervisor';
  try {
    return readlinkSync(`/proc/${pid}/fd/8`).endsWith('/guard') ? 'guard' : 'child';
  } catch {
    return 'child';
  }
}

function roleOf(pid: number, stateDir: string): Role | undefined {
  const args = commandLine(pid);
  for (const role of SCRIPTS) {
    const script = args.findIndex((arg) => basename(arg) === `${role}.sh`);
    if (script >= 0 && args[script + 1] === stateDir) return role === 'supervisor' ? kindOfSupervisor(pid) : role;
  }
  if (basename(args[0] ?? '').startsWith('pasta') && args.includes(join(stateDir, 'rootless-netns'))) {
    return args.includes('--config-net') ? 'driver' : undefined;
  }
  const isNode = args.some((arg) => arg.endsWith('/dist/cli/main.cjs')) && args.includes(basename(stateDir));
  const changes = args.some((arg) => ['ensure', 'repair', 'stop'].includes(arg));
  return isNode && changes && mentions(pid, stateDir) ? 'node' : undefined;
}

/** Has it the runtime directory of this run? Another run may have a namespace of the same name. */
function mentions(pid: number, stateDir: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .includes(`XDG_RUNTIME_DIR=${join(stateDir, '../..')}`);
  } catch {
    return false;
  }
}

/**
 * Every process of each role. What a shell has forked and not yet executed looks like the shell: it is left out, but for the
 * supervisor's, whose forks have roles of their own.
 */
export function ownProcesses(stateDir: string): Map<Role, number[]> {
  const roles = new Map<number, Role>();
  for (const pid of allProcesses()) {
    const role = roleOf(pid, stateDir);
    if (role !== undefined) roles.set(pid, role);
  }
  const found = new Map<Role, number[]>(ROLES.map((role) => [role, []]));
  for (const [pid, role] of roles) {
    const parent = parentPid(pid);
    if (role === 'child' || parent === undefined || roles.get(parent) !== role) found.get(role)?.push(pid);
  }
  return found;
}
