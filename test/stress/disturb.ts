/** Sudden death and sudden sleep: signals to processes of this run, found at that moment, and to nobody else. */

import { setTimeout as sleep } from 'node:timers/promises';
import { commandLine, startTime } from '../fixtures/processes.js';
import { ownProcesses, type Role } from './own-processes.js';
import type { Disturbance, Name, Victim } from './plan.js';
import type { World } from './world.js';

export interface Disturbed {
  name: Name;
  victim: Exclude<Victim, 'group'>;
  killed: boolean;
  atMs: number;
  endMs: number;
}

/** The launcher becomes its command: by its arguments it can be told which it is. */
function isLauncher(pid: number): boolean {
  return commandLine(pid).some((arg) => arg.endsWith('/scripts/rnetns'));
}

const GROUP = ['supervisor', 'guard', 'child'] as const;

/** One of each, but of a group all. Of several children any: which one, the plan's moment says. */
function find(world: World, { name, atMs }: Disturbance, victim: Victim, own: Map<Role, number[]>): Found[] {
  const found = (role: Disturbed['victim'], pids: readonly number[]): Found[] =>
    pids.map((pid) => ({ victim: role, pid, start: startTime(pid) }));
  if (victim === 'group') return GROUP.flatMap((role) => found(role, own.get(role) ?? []));
  const pids = victim === 'command' || victim === 'launcher' ? callers(world, name, victim) : (own.get(victim) ?? []);
  const index = victim === 'child' && pids.length > 0 ? Math.floor(atMs) % pids.length : 0;
  return found(victim, pids.slice(index, index + 1));
}

function callers(world: World, name: Name, victim: 'command' | 'launcher'): number[] {
  return [...world.active]
    .filter(({ operation }) => operation.name === name)
    .map(({ background }) => background.pid)
    .filter((pid) => isLauncher(pid) === (victim === 'launcher'));
}

/** Those that live for a moment only are waited for, or they would hardly ever be hit. */
const BRIEF: readonly Victim[] = ['node', 'teardown', 'launcher'];
const WAIT_MS = 700;

interface Found {
  victim: Disturbed['victim'];
  pid: number;
  start: number | undefined;
}

async function findAll(world: World, disturbance: Disturbance): Promise<Found[]> {
  const { name, victims } = disturbance;
  const deadline = performance.now() + (victims.some((victim) => BRIEF.includes(victim)) ? WAIT_MS : 0);
  for (;;) {
    const own = ownProcesses(world.stateDir(name));
    const found = victims.flatMap((victim) => find(world, disturbance, victim, own));
    if (found.length > 0 || performance.now() >= deadline) return found;
    await sleep(20);
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}

/** All its victims at one moment; waits until those that were stopped go on. */
export async function disturb(world: World, disturbance: Disturbance): Promise<Disturbed[]> {
  const { name, stopMs } = disturbance;
  const found = await findAll(world, disturbance);
  const atMs = performance.now();
  for (const { victim, pid } of found) {
    if (stopMs === undefined) {
      for (const active of world.active) if (active.background.pid === pid) active.killed = true;
    }
    signal(pid, stopMs === undefined ? 'SIGKILL' : 'SIGSTOP');
    const act = stopMs === undefined ? 'SIGKILL' : `SIGSTOP for ${stopMs} ms`;
    world.trace.add(`${act} to the ${victim} of ${name} (${pid})`, atMs);
    world.figures.count(stopMs === undefined ? 'killed' : 'stopped', victim);
  }
  if (stopMs !== undefined && found.length > 0) {
    await sleep(stopMs);
    for (const { pid, start } of found) if (startTime(pid) === start) signal(pid, 'SIGCONT');
  }
  const endMs = performance.now();
  return found.map(({ victim }) => ({ name, victim, killed: stopMs === undefined, atMs, endMs }));
}
