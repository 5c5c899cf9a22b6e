/** One operation of a plan, for real, with a limit; and whether its end is one that it may have. */

import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnRnetns } from '../fixtures/rnetns.js';
import type { Body, Operation } from './plan.js';
import type { Active, World } from './world.js';

/** Longer than the 30 s that a call waits for the lock: whoever meets this hangs. */
const LIMIT_MS = 60_000;
export const FAILING_STATUS = 7;

export interface Done {
  operation: Operation;
  startMs: number;
  endMs: number;
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** By us. */
  killed: boolean;
  timedOut: boolean;
  /** Of the process that its reference goes with. */
  tiedTo: number;
}

/** It says in which network namespace it is, when it comes and when it goes, with the seconds since boot. */
function script(body: Body, seconds: number): string {
  const say = 'say() { read -r up _ </proc/uptime; echo "$1 $(readlink /proc/self/ns/net) $up"; }';
  const bodies: Record<Body, string> = {
    short: ':',
    waits: `sleep ${seconds}`,
    'closes descriptors': `exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; sleep ${seconds}`,
    'leaves a child': `sleep ${seconds} >/dev/null 2>&1 & sleep ${seconds / 3}`,
    fails: ':',
  };
  return `${say}; say in; ${bodies[body]}; say out; exit ${body === 'fails' ? FAILING_STATUS : 0}`;
}

const command = (body: Body | undefined, seconds = 0.3): string[] =>
  body === undefined ? [] : ['--', 'sh', '-c', script(body, seconds)];

function argumentsOf(operation: Operation, tiedTo: number): string[] {
  const { name, verb } = operation;
  const reference = (id: string | undefined, nets: number): string[] => [
    ...(id === undefined ? [] : ['--id', id]),
    '--nets',
    String(nets),
  ];
  const options = [verb, '--name', name];
  switch (verb) {
    case 'run':
    case 'unshare':
    case 'lock':
      return [...options, ...command(operation.body, operation.seconds)];
    case 'setup': {
      const pid = operation.tiedMs === undefined ? [] : ['--pid', String(tiedTo)];
      return [...options, ...reference(operation.id, operation.nets), ...pid, ...command(operation.plugin)];
    }
    case 'teardown':
      return [...options, ...reference(operation.id, operation.nets), ...command(operation.plugin)];
    case 'stop':
      return [...options, ...(operation.force ? ['--force'] : [])];
    case 'status':
      return [...options, '--json'];
    case 'list':
      return [verb, '--json'];
    case 'netns': {
      const inside = operation.act === 'exec' ? ['--', 'readlink', '/proc/self/ns/net'] : [];
      return [verb, operation.act, '--name', name, operation.id.replace('netns:', ''), ...inside];
    }
    case 'repair':
      return [...options, '--json'];
  }
}

/** In a few words, for the trace. */
export function describeOperation(operation: Operation, tiedTo = 0): string {
  const args = argumentsOf(operation, tiedTo);
  const dashes = args.indexOf('--');
  const body = 'body' in operation ? operation.body : 'plugin' in operation ? operation.plugin : undefined;
  return dashes < 0 ? args.join(' ') : `${args.slice(0, dashes).join(' ')} -- [${body ?? ''}]`;
}

export async function perform(world: World, operation: Operation, tiedTo: number): Promise<Done> {
  const startMs = performance.now();
  const background = spawnRnetns(argumentsOf(operation, tiedTo), { env: world.env(operation.name) });
  const { child } = background;
  child.stdin?.on('error', () => undefined).end();
  const active: Active = { operation, background, killed: false };
  world.active.add(active);
  const closed = once(child, 'close');
  let timedOut = false;
  const timer = setTimeout(() => (timedOut = child.kill('SIGKILL')), LIMIT_MS);
  const { status, signal } = await background.ended;
  const endMs = performance.now();
  clearTimeout(timer);
  world.active.delete(active);
  // What a killed one has started may hold its output a little longer.
  await Promise.race([closed, sleep(2000, undefined, { ref: false })]);
  child.stdout?.destroy();
  child.stderr?.destroy();
  world.figures.operation(operation.verb, endMs - startMs);
  const end = `${signal ?? String(status)} ${background.stderr().trim().replaceAll('\n', ' | ')}`.trim();
  world.trace.add(`begin ${child.pid ?? 0} ${describeOperation(operation, tiedTo)}`, startMs);
  world.trace.add(`  end ${child.pid ?? 0} ${describeOperation(operation, tiedTo)}: ${end}`, endMs);
  return {
    operation,
    startMs,
    endMs,
    status,
    signal,
    stdout: background.stdout(),
    stderr: background.stderr(),
    killed: active.killed,
    timedOut,
    tiedTo,
  };
}
