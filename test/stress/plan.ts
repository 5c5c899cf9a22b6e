/**
 * What is to happen, as plain data: chosen from a seed, without a look at what happens. So a seed repeats the choice
 * (never the interleaving, which is the kernel's), and a plan can be cut down to what still fails (minimise.ts).
 */

import type { Role } from './own-processes.js';
import { Random } from './random.js';

/** The shared namespaces, and how many seconds each lingers. */
export const LINGER = { a: 0, b: 0.2, c: 2 } as const;
export type Name = keyof typeof LINGER;
export const NAMES = Object.keys(LINGER) as Name[];

/** What a command does once it is inside. */
export type Body = 'short' | 'waits' | 'closes descriptors' | 'leaves a child' | 'fails';

export type Operation = { name: Name } & (
  | { verb: 'run' | 'unshare' | 'lock'; body: Body; seconds: number }
  | { verb: 'setup'; id: string | undefined; nets: number; tiedMs: number | undefined; plugin: Body | undefined }
  | { verb: 'teardown'; id: string | undefined; nets: number; plugin: Body | undefined }
  | { verb: 'stop'; force: boolean }
  | { verb: 'repair' | 'status' | 'list' }
  /** A named network namespace is a reference, `netns:NAME`. */
  | { verb: 'netns'; act: 'add' | 'delete' | 'exec'; id: string }
);

/** `group`: the supervisor with all its forks, so the guard too. */
export type Victim = Role | 'command' | 'launcher' | 'group';

/** Its `worker` does one after the other, with a pause before each. */
export interface Step {
  kind: 'operation';
  worker: number;
  pauseMs: number;
  operation: Operation;
}

/** A signal to a process of each of these roles of a namespace; `stopMs`: SIGSTOP, and SIGCONT so much later, not SIGKILL. */
export interface Disturbance {
  kind: 'disturbance';
  atMs: number;
  name: Name;
  victims: readonly Victim[];
  stopMs: number | undefined;
}

/** Some seconds of chaos, after which everything must be as it should. */
export interface Phase {
  items: readonly (Step | Disturbance)[];
  /** Have what is degraded repaired at its end, or leave it to the next phase. */
  repair: boolean;
}

export interface PlanOptions {
  workers: number;
  stepsPerWorker: number;
  chaosMs: number;
}

export const PLAN: PlanOptions = { workers: 12, stepsPerWorker: 5, chaosMs: 3000 };

/** The phase of that number, always the same one for a seed. */
export function planPhase(seed: number, episode: number, phase: number, options: PlanOptions = PLAN): Phase {
  const random = new Random(seed, episode, phase);
  const { workers, stepsPerWorker, chaosMs } = options;
  const items: (Step | Disturbance)[] = [];
  for (let worker = 0; worker < workers; worker += 1) {
    for (let step = 0; step < stepsPerWorker; step += 1) {
      const pauseMs = random.whole(0, (2 * chaosMs) / stepsPerWorker / 3);
      items.push({ kind: 'operation', worker, pauseMs, operation: planOperation(random) });
    }
  }
  // A quarter of the phases is calm: then nothing excuses an operation that fails.
  const disturbances = random.chance(0.25) ? 0 : random.whole(1, 14);
  for (let index = 0; index < disturbances; index += 1) items.push(planDisturbance(random, chaosMs));
  return { items, repair: random.chance(0.5) };
}

function planBody(random: Random): Body {
  return random.weighted<Body>([
    [4, 'short'],
    [4, 'waits'],
    [2, 'closes descriptors'],
    [2, 'leaves a child'],
    [1, 'fails'],
  ]);
}

function planOperation(random: Random): Operation {
  const name = random.pick(NAMES);
  const seconds = random.whole(1, 15) / 10;
  // A small pool, so that ids collide, and some that hardly ever do.
  const id = random.weighted([
    [6, `pod${random.whole(1, 4)}`],
    [2, `single${random.whole(1, 1000)}`],
    [3, undefined],
  ]);
  const netns = `netns:n${random.whole(1, 3)}`;
  const nets = random.whole(1, 3);
  const plugin = random.weighted<Body | undefined>([
    [6, undefined],
    [2, 'short'],
    [1, 'waits'],
    [1, 'fails'],
  ]);
  const tiedMs = id !== undefined && random.chance(0.4) ? random.whole(50, 8000) : undefined;
  return random.weighted<Operation>([
    [10, { name, verb: 'run', body: planBody(random), seconds }],
    [2, { name, verb: 'unshare', body: planBody(random), seconds }],
    [2, { name, verb: 'lock', body: random.pick(['short', 'fails', 'waits']), seconds: seconds / 4 }],
    [8, { name, verb: 'setup', id, nets, tiedMs, plugin }],
    [8, { name, verb: 'teardown', id, nets, plugin }],
    [2, { name, verb: 'stop', force: false }],
    [0.3, { name, verb: 'stop', force: true }],
    [2, { name, verb: 'repair' }],
    [3, { name, verb: 'status' }],
    [1, { name, verb: 'list' }],
    [6, { name, verb: 'netns', act: random.pick(['add', 'add', 'delete', 'delete', 'exec']), id: netns }],
  ]);
}

function planDisturbance(random: Random, chaosMs: number): Disturbance {
  const victims = random.weighted<readonly Victim[]>([
    [4, ['command']],
    [3, ['launcher']],
    [4, ['node']],
    [3, ['guard']],
    [3, ['supervisor']],
    [3, ['keeper']],
    [3, ['driver']],
    [3, ['child']],
    [2, ['teardown']],
    [1, ['guard', 'supervisor']],
    [1, ['guard', 'keeper']],
    [1, ['guard', 'driver']],
    [1, ['supervisor', 'keeper']],
    [1, ['supervisor', 'driver']],
    [1, ['supervisor', 'child']],
    [1, ['keeper', 'driver']],
    [1, ['guard', 'supervisor', 'keeper']],
    [1, ['guard', 'supervisor', 'keeper', 'driver']],
    [1, ['group']],
    [1, ['group', 'keeper', 'driver']],
  ]);
  const stopMs = random.chance(0.35) ? random.whole(10, 1000) : undefined;
  return { kind: 'disturbance', atMs: random.whole(0, chaosMs), name: random.pick(NAMES), victims, stopMs };
}
