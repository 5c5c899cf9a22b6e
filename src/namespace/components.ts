import { spawnSync } from 'node:child_process';
import { existsSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { CONNECTING } from '../driver/drivers.js';
import type { StateDirectory } from '../state/directory.js';
import {
  commandLine,
  identifyProcess,
  namespaceInode,
  ownPids,
  processGroup,
  type ProcessId,
} from '../state/process.js';
import { enterArguments, type Target } from './enter.js';
import { isOnOurNetwork, isOutside, isRecordedKeeper, OUTSIDE_FD } from './proof.js';
import { hasLost, seesOther } from './view.js';

/** The processes of ours that hold a shared namespace together, as found in /proc. */
export interface Components {
  supervisor: ProcessId | undefined;
  /** Becomes the supervisor when that one dies. */
  guard: ProcessId | undefined;
  keeper: ProcessId | undefined;
  /** Also one whose supervisor died. */
  driver: ProcessId | undefined;
  /** One of the others that the supervisor has forked: it still leads to O and M0 when supervisor and guard are dead. */
  fork: ProcessId | undefined;
  /** Of the supervisor or keeper. */
  generation: string | undefined;
}

/** None of them was found, or is of use. */
export const NOTHING: Readonly<Components> = {
  supervisor: undefined,
  guard: undefined,
  keeper: undefined,
  driver: undefined,
  fork: undefined,
  generation: undefined,
};

type Role = Exclude<keyof Components, 'generation' | 'fork'>;

/**
 * Look at the processes themselves, not at a record of them: each carries its role and its state directory in its
 * arguments, so that a lost or torn file never makes a leak, and a reused pid is never taken for one of ours. Those for
 * which that path leads elsewhere hold another namespace (view.ts).
 */
export function findComponents(state: StateDirectory): Components {
  const found: Components = { ...NOTHING };
  const drivers: number[] = [];
  const othersUserns = new Set<number | undefined>();
  for (const pid of ownPids()) {
    const is = recognise(commandLine(pid), state);
    if (is === undefined) continue;
    if (is.role === 'driver') {
      drivers.push(pid);
    } else if (seesOther(pid, state.runtimeDir)) {
      othersUserns.add(namespaceInode(pid, 'user'));
    } else {
      const role = is.role === 'supervisor' ? roleOf(pid, state) : is.role;
      if (!isProven(pid, state, role)) continue;
      found[role] ??= identifyProcess(pid);
      found.generation ??= is.generation;
    }
  }
  // A driver sees nothing: it has locked itself up. It is in the user namespace of those it belongs to.
  const driver = drivers.find(
    (pid) => !othersUserns.has(namespaceInode(pid, 'user')) && isProven(pid, state, 'driver'),
  );
  return { ...found, driver: driver === undefined ? undefined : identifyProcess(driver) };
}

function isProven(pid: number, state: StateDirectory, role: Role | 'fork'): boolean {
  if (role === 'keeper') return isRecordedKeeper(pid, state);
  return role === 'driver' ? isOnOurNetwork(pid) : isOutside(pid, state, role === 'guard' ? role : 'supervisor');
}

/**
 * The supervisor's children are forks of it, and have its arguments. It alone leads a process group, and the guard alone has
 * the guard's file open; the others wait for something.
 */
function roleOf(pid: number, { guardFile }: StateDirectory): 'supervisor' | 'guard' | 'fork' {
  if (processGroup(pid) === pid) return 'supervisor';
  try {
    // With " (deleted)" after it, when somebody has removed the file.
    return readlinkSync(`/proc/${pid}/fd/${OUTSIDE_FD}`).startsWith(guardFile) ? 'guard' : 'fork';
  } catch {
    return 'fork';
  }
}

/** The supervisor and all its forks: who they are, and what they could become, doesn't matter when they are to be replaced. */
export function supervision(state: StateDirectory): ProcessId[] {
  return ownPids().flatMap((pid) => {
    const isOne = recognise(commandLine(pid), state)?.role === 'supervisor' && !seesOther(pid, state.runtimeDir);
    const process = isOne ? identifyProcess(pid) : undefined;
    return process !== undefined && isOutside(pid, state, 'supervisor') ? [process] : [];
  });
}

/**
 * The way back into O and M0. The keeper is in U and M1, but holds both by descriptor (scripts/keeper.sh): from outside,
 * whose child O is, they can be entered. An M0 that has lost the state directory is of no use: what is mounted there nobody
 * finds.
 */
export function wayToM0(state: StateDirectory, found: Components): Target | undefined {
  const member = outsideMember(found);
  if (member !== undefined)
    return hasLost(member.pid, state.path) ? undefined : { pid: member.pid, user: true, mount: true };
  const target = byKeeper(found);
  if (target === undefined) return undefined;
  // By a status of its own: nsenter that fails, and so has not looked, has 1.
  const script = `[ -d "$1" ] || exit ${LOST}`;
  const look = spawnSync('env', [...enterArguments(target), 'sh', '-c', script, 'sh', state.path], {
    stdio: 'ignore',
    timeout: LOOK_MS,
  });
  return look.status === LOST ? undefined : target;
}

/** The way back into O, also when M0 is gone: the driver has left it. From U, where commands are, none leads there. */
export function wayToO(state: StateDirectory, found: Components): Target | undefined {
  const way = wayToM0(state, found);
  if (way !== undefined) return way;
  const member = outsideMember(found) ?? found.driver;
  if (member !== undefined) return { pid: member.pid, user: true };
  const target = byKeeper(found);
  return target === undefined ? undefined : { pid: target.pid, user: target.user };
}

function outsideMember({ supervisor, guard, fork }: Components): ProcessId | undefined {
  return supervisor ?? guard ?? fork;
}

function byKeeper({ keeper }: Components): { pid: number; user: string; mount: string } | undefined {
  if (keeper === undefined) return undefined;
  const [mount, user] = [`/proc/${keeper.pid}/fd/5`, `/proc/${keeper.pid}/fd/6`];
  return existsSync(mount) && existsSync(user) ? { pid: keeper.pid, user, mount } : undefined;
}

const LOOK_MS = 5000;
const LOST = 3;

/** The state directory that a process of ours works for, whichever it is. */
export function stateDirectoryOf(args: readonly string[]): string | undefined {
  const index = args.findIndex((arg) => ['supervisor.sh', 'keeper.sh'].includes(basename(arg)));
  return index < 0 ? undefined : args[index + 1];
}

/** Exported for its test. */
export function recognise(
  args: readonly string[],
  { path, netns }: StateDirectory,
): { role: Role; generation?: string | undefined } | undefined {
  /** The arguments from the state directory on, if these are the script's. */
  const after = (script: string, offset: number): readonly string[] | undefined => {
    const index = args.findIndex((arg) => basename(arg) === script);
    return index >= 0 && args[index + offset] === path ? args.slice(index + offset) : undefined;
  };
  const supervisor = after('supervisor.sh', 1);
  if (supervisor !== undefined) return { role: 'supervisor', generation: supervisor[1] };
  const keeper = after('keeper.sh', 1);
  if (keeper !== undefined) return { role: 'keeper', generation: keeper[1] };
  return CONNECTING.some(({ program }) => program.isRunBy(args, netns)) ? { role: 'driver' } : undefined;
}
