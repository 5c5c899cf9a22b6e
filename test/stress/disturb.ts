/** Sudden death and sudden sleep: signals to processes of this run, found at that moment, and to nobody else. */

import { setTimeout as sleep } from 'node:timers/promises';
import { commandLine, startTime } from '../fixtures/processes.js';
import { ownProcesses, type Role } from './own-processes.js';
import type { Disturbance, Name, Victim } from './plan.js';
import type { World } from './world.js';

export interface Disturbed {
  name: Name;
  victim: Victim;
  killed: boolean;
  atMs: number;
  endMs: number;
}

/** The launcher becomes its command: by its arguments it can be told which it is. */
function isLauncher(pid: number): boolean {
  return commandLine(pid).some((arg) => arg.endsWith('/scripts/rnetns'));
}

function find(world: World, name: Name, victim: Victim, own: Map<Role, number[]>): number[] {
  if (victim !== 'command' && victim !== 'launcher') return own.get(victim) ?? [];
  return [...world.active]
    .filter(({ operation }) => operation.name === name)
    .map(({ background }) => background.pid)
    .filter((pid) => isLauncher(pid) === (victim === 'launcher'));
}

/** Those that live for a moment only are waited for, or they would hardly ever be hit. */
const BRIEF: readonly Victim[] = ['node', 'teardown', 'launcher'];
const WAIT_MS = 700;

interface Found {
  victim: Victim;
  pid: number;
  start: number | undefined;
}

async function findAll(world: World, { name, victims }: Disturbance): Promise<Found[]> {
  const deadline = performance.now() + (victims.some((victim) => BRIEF.includes(victim)) ? WAIT_MS : 0);
  for (;;) {
    const own = ownProcesses(world.stateDir(name));
    const found = victims.flatMap((victim) => {
      const [pid] = find(world, name, victim, own);
      return pid === undefined ? [] : [{ victim, pid, start: startTime(pid) }];
    });
    if (found.length > 0 || performance.now() >= deadline) return found;
    await sleep(20);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
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
