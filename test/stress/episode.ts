/**
 * A row of phases, from nothing to nothing
 *
 *   1. a phase: its operations, each worker's one after the other, and its disturbances beside them
 *   2. the quiet point after it: everything is checked against what was done since the last one
 *   3. after the last phase all references are torn down, and then nothing may be left
 */

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { remains } from '../fixtures/shared-netns.js';
import { Bystanders, TiedProcesses } from './companions.js';
import { disturb, signal, type Disturbed } from './disturb.js';
import { checkEnds } from './exit-status.js';
import { ReferenceModel } from './model.js';
import { checkNetnsSeen } from './netns-seen.js';
import { ownProcesses } from './own-processes.js';
import { perform, type Done } from './perform.js';
import { LINGER, NAMES, type Name, type Phase } from './plan.js';
import { call, checkQuietPoint, leftOf } from './quiet-point.js';
import { Violation } from './violation.js';
import { Trace } from './trace.js';
import type { World } from './world.js';

/** Beside the linger: for a teardown on a busy machine. */
const TEARDOWN_MS = 8000;

/** What is remembered of a name from one quiet point to the next. */
class Memory {
  readonly references = new ReferenceModel();
  /** How many of each role were killed since all parts were seen alive. */
  killed = new Map<string, number>();
  netns: number | undefined;
  /** A process was killed that had something half done, or all who could finish it: `repair` has to. */
  mayNeedRepair = false;
}

/** Is there nobody left who would bring the others back? The second supervisor may have had no guard yet. */
function isLeftAlone({ killed }: Memory): boolean {
  const times = (role: string): number => killed.get(role) ?? 0;
  return times('supervisor') > 1 || (times('supervisor') > 0 && times('guard') + times('child') > 0);
}

/** What was killed at something half done: making, mending or ending it. */
const AT_WORK = ['node', 'launcher', 'teardown'];

type Memories = Record<Name, Memory>;

interface Happened {
  operations: Done[];
  disturbed: Disturbed[];
}

async function runPhase(world: World, { items }: Phase, tied: TiedProcesses): Promise<Happened> {
  const operations: Done[] = [];
  const disturbed: Disturbed[] = [];
  const steps = items.filter((item) => item.kind === 'operation');
  const worker = async (number: number): Promise<void> => {
    for (const { pauseMs, operation } of steps.filter((step) => step.worker === number)) {
      await sleep(pauseMs);
      const livesMs = operation.verb === 'setup' ? operation.tiedMs : undefined;
      operations.push(await perform(world, operation, livesMs === undefined ? 0 : tied.start(livesMs)));
    }
  };
  const disturber = async (item: Extract<Phase['items'][number], { kind: 'disturbance' }>): Promise<void> => {
    await sleep(item.atMs);
    disturbed.push(...(await disturb(world, item)));
  };
  await Promise.all([
    ...[...new Set(steps.map((step) => step.worker))].map(worker),
    ...items.filter((item) => item.kind === 'disturbance').map(disturber),
  ]);
  return { operations, disturbed };
}

async function checkName(world: World, name: Name, memory: Memory, phase: Phase, happened: Happened): Promise<void> {
  const operations = happened.operations.filter(({ operation }) => operation.name === name);
  const killed = happened.disturbed.filter((one) => one.name === name && one.killed);
  for (const { victim } of killed) memory.killed.set(victim, (memory.killed.get(victim) ?? 0) + 1);
  const needsRepair = isLeftAlone(memory) || AT_WORK.some((role) => memory.killed.has(role));
  memory.mayNeedRepair ||= needsRepair;

  // Held from the last quiet point to this one, whatever else came and went.
  const touched = new Set(operations.flatMap(({ operation }) => ('id' in operation ? [operation.id] : [])));
  const isForced = operations.some(({ operation }) => operation.verb === 'stop' && operation.force);
  const isHeld = !isForced && [...memory.references.durable()].some((id) => !touched.has(id));
  const canBeLost = memory.killed.has('keeper') && isLeftAlone(memory);
  checkNetnsSeen(operations, canBeLost ? killed.map(({ atMs }) => atMs) : []);
  memory.references.apply(operations, canBeLost);
  const { complete, netns } = await checkQuietPoint(world, name, memory.references, {
    mayRepair: phase.repair,
    healsItself: !needsRepair,
  });
  if (isHeld && !canBeLost && memory.netns !== undefined && netns !== undefined && netns !== memory.netns) {
    throw new Violation('netns', `${name} was held by a reference, and its netns ${memory.netns} is ${netns} now`);
  }
  memory.netns = netns ?? memory.netns;
  if (complete) memory.killed.clear();
}

async function endAll(world: World, memories: Memories): Promise<void> {
  await Promise.all(
    NAMES.map(async (name) => {
      const { references, mayNeedRepair } = memories[name];
      const { ids, anonymous } = references.all();
      const each = [
        ...ids.map((id) =>
          id.startsWith('netns:') ? ['netns', 'delete', id.replace('netns:', '')] : ['teardown', '--id', id],
        ),
        ...(anonymous > 0 ? [['teardown', '--nets', String(anonymous)]] : []),
      ];
      for (const reference of each) {
        const { status, stderr } = await call(world, name, ...reference);
        world.trace.add(`${reference.join(' ')} --name ${name}: ${String(status)} ${stderr.trim()}`);
        if (status !== 0) throw new Violation('teardown', `${reference.join(' ')} of ${name}: ${stderr}`);
      }
      const withinMs = LINGER[name] * 1000 + TEARDOWN_MS;
      let left = await leftOf(world, name, mayNeedRepair ? LINGER[name] * 1000 + 2000 : withinMs);
      if (left !== '' && mayNeedRepair) {
        const { status, stdout, stderr } = await call(world, name, 'repair', '--json');
        world.trace.add(`repair --name ${name}, at the end: ${String(status)} ${stdout.trim()} ${stderr.trim()}`);
        world.figures.count(
          'repairs at the end',
          left.includes('supervisor') ? 'with a supervisor' : 'without a supervisor',
        );
        left = await leftOf(world, name, withinMs);
      }
      if (left !== '') throw new Violation('left over', `${left}, of ${name}`);
    }),
  );
  if (readFileSync('/proc/self/mountinfo', 'utf8').includes(world.runtime.dir)) {
    throw new Violation('left over', 'a mount outside of every namespace');
  }
}

/** After a violation: nothing of it may meet the next episode. */
export async function reset(world: World): Promise<void> {
  for (const name of NAMES) {
    await call(world, name, 'stop', '--force').catch(() => undefined);
    // The guard becomes the next supervisor.
    for (let round = 0; round < 20; round += 1) {
      const pids = [...ownProcesses(world.stateDir(name)).values()].flat();
      for (const pid of pids) signal(pid, 'SIGKILL');
      if (pids.length === 0) break;
      await sleep(50);
    }
  }
}

/**
 * @param isOver - asked before each phase but the first: go to the end?
 * @throws Violation for the first thing that is not as it must be.
 */
export async function runEpisode(world: World, phases: readonly Phase[], isOver: () => boolean): Promise<void> {
  world.trace = new Trace();
  const tied = new TiedProcesses();
  const bystanders = new Bystanders({ runtime: world.runtime, stateDir: (name) => world.stateDir(name) });
  const memories = Object.fromEntries(NAMES.map((name) => [name, new Memory()])) as Memories;
  try {
    for (const [index, phase] of phases.entries()) {
      if (index > 0 && isOver()) break;
      world.trace.add(`--- phase ${index}`);
      const happened = await runPhase(world, phase, tied);
      world.trace.add('--- quiet point');
      bystanders.check();
      checkEnds(world, happened.operations, happened.disturbed);
      await Promise.all(NAMES.map((name) => checkName(world, name, memories[name], phase, happened)));
      world.figures.count('checked', 'quiet points');
    }
    world.trace.add('--- end');
    await endAll(world, memories);
    bystanders.check();
    world.figures.count('checked', 'ends');
  } finally {
    await bystanders.end();
    await tied.end();
  }
  for (let tries = 50; remains(world.runtime) !== '' && tries > 0; tries -= 1) await sleep(100);
  const left = remains(world.runtime);
  if (left !== '') throw new Violation('left over', left);
}
