import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { CONNECTING } from '../driver/drivers.js';
import type { StateDirectory } from '../state/directory.js';
import { commandLine, identifyProcess, namespaceInode, ownPids, type ProcessId } from '../state/process.js';
import { enterArguments, type Target } from './enter.js';
import { isOnOurNetwork, isOutside, isRecordedKeeper } from './proof.js';
import { hasLost, seesOther } from './view.js';

/** The processes of ours that hold a shared namespace together, as found in /proc. */
export interface Components {
  holder: ProcessId | undefined;
  supervisor: ProcessId | undefined;
  guard: ProcessId | undefined;
  keeper: ProcessId | undefined;
  /** Also one whose supervisor died. */
  driver: ProcessId | undefined;
  /** Of the holder or keeper. */
  generation: string | undefined;
}

type Role = Exclude<keyof Components, 'generation'>;

/**
 * Look at the processes themselves, not at a record of them: each carries its role and its state directory in its
 * arguments, so that a lost or torn file never makes a leak, and a reused pid is never taken for one of ours. Those for
 * which that path leads elsewhere hold another namespace (view.ts).
 */
export function findComponents(state: StateDirectory): Components {
  const found: Components = {
    holder: undefined,
    supervisor: undefined,
    guard: undefined,
    keeper: undefined,
    driver: undefined,
    generation: undefined,
  };
  const drivers: number[] = [];
  const othersUserns = new Set<number | undefined>();
  for (const pid of ownPids()) {
    const is = recognise(commandLine(pid), state);
    if (is === undefined) continue;
    if (is.role === 'driver') {
      drivers.push(pid);
    } else if (seesOther(pid, state.runtimeDir)) {
      othersUserns.add(namespaceInode(pid, 'user'));
    } else if (isProven(pid, state, is.role, is.generation)) {
      found[is.role] ??= identifyProcess(pid);
      found.generation ??= is.generation;
    }
  }
  // A driver sees nothing: it has locked itself up. It is in the user namespace of those it belongs to.
  const driver = drivers.find(
    (pid) => !othersUserns.has(namespaceInode(pid, 'user')) && isProven(pid, state, 'driver'),
  );
  return { ...found, driver: driver === undefined ? undefined : identifyProcess(driver) };
}

function isProven(pid: number, state: StateDirectory, role: Role, generation?: string): boolean {
  if (role === 'keeper') return isRecordedKeeper(pid, state);
  return role === 'driver' ? isOnOurNetwork(pid) : isOutside(pid, state, role, generation);
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
  const look = spawnSync('env', [...enterArguments(target), 'test', '-d', state.path], {
    stdio: 'ignore',
    timeout: LOOK_MS,
  });
  return look.status === 1 ? undefined : target;
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

function outsideMember({ holder, supervisor, guard }: Components): ProcessId | undefined {
  return holder ?? supervisor ?? guard;
}

function byKeeper({ keeper }: Components): { pid: number; user: string; mount: string } | undefined {
  if (keeper === undefined) return undefined;
  const [mount, user] = [`/proc/${keeper.pid}/fd/5`, `/proc/${keeper.pid}/fd/6`];
  return existsSync(mount) && existsSync(user) ? { pid: keeper.pid, user, mount } : undefined;
}

const LOOK_MS = 5000;

/** The state directory that a process of ours works for, whichever it is. */
export function stateDirectoryOf(args: readonly string[]): string | undefined {
  const index = args.findIndex((arg) =>
    ['holder.sh', 'supervisor.sh', 'guard.sh', 'keeper.sh'].includes(basename(arg)),
  );
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
  const holder = after('holder.sh', 1);
  if (holder !== undefined) return { role: 'holder', generation: holder[1] };
  if (after('supervisor.sh', 1) !== undefined) return { role: 'supervisor' };
  const guard = after('guard.sh', 1);
  if (guard !== undefined) return { role: 'guard', generation: guard[1] };
  const keeper = after('keeper.sh', 1);
  if (keeper !== undefined) return { role: 'keeper', generation: keeper[1] };
  return CONNECTING.some(({ program }) => program.isRunBy(args, netns)) ? { role: 'driver' } : undefined;
}
