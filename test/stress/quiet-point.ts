/** What must be true of one namespace when nothing is being done to it. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../src/inspect/status.js';
import { readOptional } from '../../src/state/files.js';
import { namespaceInode } from '../fixtures/processes.js';
import { run, type RunResult } from '../fixtures/rnetns.js';
import type { Observed, ReferenceModel } from './model.js';
import { ownProcesses } from './own-processes.js';
import type { Name } from './plan.js';
import { Violation } from './violation.js';
import type { World } from './world.js';

/** A dead process's reference goes within 2 s, a driver that keeps dying is tried every 5 s; the rest is for a busy machine. */
const SETTLE_MS = 12_000;

export async function call(world: World, name: Name, ...args: string[]): Promise<RunResult> {
  const result = await run([...args, '--name', name], { env: world.env(name), timeoutMs: 60_000 });
  if (result.timedOut) throw new Violation('hang', `${args.join(' ')} --name ${name}, at a quiet point`);
  return result;
}

async function readStatus(world: World, name: Name): Promise<Status> {
  const existed = existsSync(world.stateDir(name));
  const { status, stdout, stderr, durationMs } = await call(world, name, 'status', '--json');
  world.figures.operation('status', durationMs);
  if (!existed && existsSync(world.stateDir(name))) throw new Violation('report', `status made the namespace ${name}`);
  try {
    if (status === 0) return JSON.parse(stdout) as Status;
  } catch {
    // The violation says what it was.
  }
  throw new Violation('report', `status --name ${name}: ${String(status)}: ${JSON.stringify(stdout)} ${stderr}`);
}

/** Nothing disturbs it: it succeeds. */
async function repair(world: World, name: Name): Promise<void> {
  const { status, stdout, stderr, durationMs } = await call(world, name, 'repair', '--json');
  world.figures.operation('repair', durationMs);
  world.trace.add(`repair --name ${name}, at a quiet point: ${String(status)} ${stdout.trim()} ${stderr.trim()}`);
  if (status !== 0) throw new Violation('repair', `repair --name ${name}: ${String(status)}: ${stderr}`);
  const { mended } = JSON.parse(stdout) as { mended: { part: string }[] };
  for (const { part } of mended) world.figures.count('mended at quiet points', part);
}

/** The count without an id from its file, those with an id from `status`; what was torn by a kill counts for nothing. */
function observe(world: World, name: Name, { references, refCount }: Status): Observed | string {
  const list = references ?? [];
  let anonymous = 0;
  try {
    anonymous = Number(readFileSync(join(world.stateDir(name), 'ref-count'), 'utf8'));
  } catch {
    // None.
  }
  const sum = list.reduce((total, { nets, problem }) => total + (problem === null ? (nets ?? 1) : 0), anonymous);
  if (refCount !== null && refCount !== sum) return `refCount is ${refCount}, and the references add up to ${sum}`;
  const written = list.filter(({ nets }) => nets !== 0);
  for (const { id } of written) {
    const files = ['references', 'tied'].map((kind) => join(world.stateDir(name), kind, id));
    if (files.every((file) => existsSync(file))) return `reference ${id} is there twice: ${files.join(' and ')}`;
  }
  return { ids: new Map(written.map(({ id, nets, pid }) => [id, `${nets ?? '?'} ${pid ?? 0}`])), anonymous };
}

/** Mount points with the same thing mounted on itself, as mountinfo's ids tell (proc_pid_mountinfo(5)): ours on the host's /run isn't. */
function stackedMounts(pid: number | 'self'): string[] {
  const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([id = '', parent = '', device, root, point = '']) => ({
      id,
      parent,
      point,
      what: [device, root, point].join(' '),
    }));
  const places = new Map(mounts.map(({ id, what }) => [id, what]));
  const seen = new Set<string>();
  return mounts.flatMap(({ parent, point, what }) => {
    const again = places.get(parent) === what || seen.has(`${parent} ${what}`);
    seen.add(`${parent} ${what}`);
    return again ? [point] : [];
  });
}

/** Those that are the host's own are none of ours. */
function doubleMounts(pid: number): string[] {
  try {
    const outside = new Set(stackedMounts('self'));
    return stackedMounts(pid).filter((point) => !outside.has(point));
  } catch {
    // It has just ended.
    return [];
  }
}

/** Those that wait for leases and words, for a while each, and what has been forked this moment. */
const MOST_CHILDREN = 8;

/** What isn't as it should be; undefined if all is. */
function disorder(world: World, name: Name, status: Status): string | undefined {
  const own = ownProcesses(world.stateDir(name));
  for (const [role, pids] of own) {
    const most = !existsSync(world.stateDir(name)) ? 0 : role === 'child' ? MOST_CHILDREN : 1;
    if (pids.length > most) return `${pids.length} processes are ${role} of ${name}: ${pids.join(' ')}`;
  }
  for (const { pid } of [status.supervisor, status.keeper].filter((part) => part !== null)) {
    const double = doubleMounts(pid);
    if (double.length > 0) return `process ${pid} of ${name} has twice mounted: ${double.join(' ')}`;
  }
  return undefined;
}

export interface QuietPoint {
  /** `running`, all parts there. */
  complete: boolean;
  /** Of the keeper's network namespace. */
  netns: number | undefined;
}

/**
 * @param how - `mayRepair`: also what is only degraded. `healsItself`: nothing was killed that would keep it from being whole
 *   again without any call.
 */
export async function checkQuietPoint(
  world: World,
  name: Name,
  model: ReferenceModel,
  { mayRepair, healsItself }: { mayRepair: boolean; healsItself: boolean },
): Promise<QuietPoint> {
  const deadline = performance.now() + SETTLE_MS;
  let repaired = false;
  for (;;) {
    const status = await readStatus(world, name);
    const there = existsSync(world.stateDir(name));
    const observed = observe(world, name, status);
    const wrongCount = typeof observed === 'string' ? observed : model.contradiction(observed);
    const wrongParts = disorder(world, name, status);
    // Down with a directory: all its processes died, or it is going.
    const isBroken = there && status.state !== 'running';
    // A directory alone is what somebody has left who waited for the lock of one that went.
    const isHealing = isBroken && healsItself && status.state !== 'down';
    const mustRepair = isBroken && !isHealing && (status.state === 'down' || wrongCount !== undefined || mayRepair);
    if (
      typeof observed !== 'string' &&
      wrongCount === undefined &&
      wrongParts === undefined &&
      !mustRepair &&
      !isHealing
    ) {
      model.settle(observed);
      const netns = status.keeper === null ? undefined : namespaceInode(status.keeper.pid);
      return { complete: status.state === 'running', netns };
    }
    if (mustRepair && !repaired) {
      await repair(world, name);
      repaired = true;
    }
    if (performance.now() > deadline) {
      const details = `status ${status.state}; ${JSON.stringify(status.references)}`;
      if (wrongCount !== undefined) throw new Violation('references', `${name}: ${wrongCount} (${details})`);
      if (wrongParts !== undefined) throw new Violation('parts', wrongParts);
      const when = isHealing ? 'though nothing keeps it from mending itself' : 'after a repair';
      const files = ['live', 'state.json', 'info.json', 'log'].map(
        (file) => `${file}: ${readOptional(join(world.stateDir(name), file))?.slice(-400) ?? 'none'}`,
      );
      throw new Violation(
        'repair',
        `${name} is ${status.state} ${when}: ${JSON.stringify(status)}\n${files.join('\n')}`,
      );
    }
    await sleep(200);
  }
}

/** Wait until nothing of it is left; what is, in words. */
export async function leftOf(world: World, name: Name, withinMs: number): Promise<string> {
  const look = (): string => {
    const own = [...ownProcesses(world.stateDir(name))].flatMap(([role, pids]) => pids.map((pid) => `${role} ${pid}`));
    return [...own, ...(existsSync(world.stateDir(name)) ? [world.stateDir(name)] : [])].join(', ');
  };
  for (const deadline = performance.now() + withinMs; look() !== '' && performance.now() < deadline;) await sleep(50);
  return look();
}
