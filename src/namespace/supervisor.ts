import { RnetnsError } from '../errors/error.js';
import { BackgroundProcess, plainWords } from '../exec/background.js';
import type { DriverPlan, Plan } from '../plan/plan.js';
import { writeAtomic } from '../state/files.js';
import { identifyProcess, type ProcessId } from '../state/process.js';
import { lastWords } from './driver-words.js';
import { enterArguments, type Target } from './enter.js';
import { makeMountPoints } from './mount-points.js';
import { SCRIPTS } from './scripts.js';
import { shellPlan, type Trying } from './shell-plan.js';
import type { Surroundings } from './surroundings.js';
import { tunProblem } from './tun.js';
import { filtered, limitReached, netlinkObstacle, silentEnd } from './userns-obstacle.js';

/** Its own limits, for the driver and for the mounts, are shorter, and that of the launcher for us is longer. */
const READY_MS = 17_000;

export type RunningDriver = Extract<DriverPlan, { path: string }>;

/** What it is given when it has made the namespaces, or found them. */
export interface Decided {
  plan: Pick<Plan, 'driver' | 'mounts'> & Partial<Pick<Plan, 'resolvConf'>>;
  trying: Trying;
}

/** `create`: U and N are made. Else they are mounted on their files, or a process in N leads to them. */
export type How = 'create' | { member: ProcessId | undefined };

/**
 * Start the supervisor, which starts what is missing of driver and keeper, and wait until both are there.
 *
 * @param way - into O, and into M0 if there is one; undefined: O is the caller's own, and M0 is to be made.
 * @throws RnetnsError ERR_NETNS, ERR_MOUNT with source and target of the mount that failed, or ERR_DRIVER with the driver's
 *   name, status and own words.
 */
export async function startSupervisor(
  around: Surroundings,
  way: Target | undefined,
  how: How,
  decided: Promise<Decided> | Decided,
): Promise<ProcessId> {
  const { state, generation, lingerSeconds, env } = around;
  const member = how === 'create' ? undefined : how.member;
  const [file = '', ...args] = [
    ...(way === undefined ? [] : enterArguments(way)),
    // Slave: what is mounted here never shows on the host, and what the host unmounts is not held busy here
    // (https://github.com/containers/podman/issues/25994).
    ...(way?.mount !== undefined ? [] : ['unshare', '--mount', '--propagation', 'slave', '--']),
    ...['sh', SCRIPTS.supervisor, state.path, generation, how === 'create' ? 'create' : 'mend'],
    ...(member === undefined ? [] : [String(member.pid)]),
  ];
  const supervisor = new BackgroundProcess(file, args, env);
  try {
    const { plan, trying } = await decided;
    makeMountPoints(state, plan.mounts);
    writeAtomic(state.shellPlan, shellPlan(plan, lingerSeconds, trying));
    supervisor.tell('');
    await hear(around, supervisor, plan.driver, trying);
    const process = identifyProcess(supervisor.pid ?? 0);
    if (process === undefined) throw new RnetnsError('ERR_NETNS', `the supervisor of ${state.path} ended at once`);
    supervisor.release();
    return process;
  } catch (cause) {
    supervisor.kill();
    throw cause;
  }
}

async function hear(
  around: Surroundings,
  supervisor: BackgroundProcess,
  driver: DriverPlan,
  { persist }: Trying,
): Promise<void> {
  let answer: string;
  let words = '';
  try {
    answer = await supervisor.line(READY_MS);
    if (answer === 'ready') return;
    for (let line = await supervisor.line(READY_MS); line !== '.'; line = await supervisor.line(READY_MS)) {
      words += `${line}\n`;
    }
  } catch (cause) {
    const { over, stderr } = supervisor;
    const said = stderr || (cause instanceof Error ? cause.message : String(cause));
    throw await netnsError(around, said, over !== undefined && stderr === '' ? silentEnd(over.signal) : undefined);
  }
  const [, part, status = ''] = answer.split(' ');
  if (part === 'netns') throw await netnsError(around, plainWords(words));
  if (part === 'keeper') {
    const limit = limitReached();
    const why = limit?.why ?? (plainWords(words) || 'no word why');
    throw new RnetnsError('ERR_MOUNT', `cannot prepare the mounts: ${why}`, { hint: limit?.hint });
  }
  if (driver.path === null) return;
  if (persist === 'no') throw await driverError(around, driver, status, words.trim());
  around.warn(`${driver.name} does not start and is tried again: ${lastWords(words)}`);
}

/** @param found - what is known to be in the way. */
async function netnsError({ state, env }: Surroundings, words: string, found = limitReached()): Promise<RnetnsError> {
  // Where a limit is reached each shell on the way says so, in words of its own.
  const limit = limitReached();
  const obstacle = found ?? (await netlinkObstacle(env)) ?? filtered();
  const why = limit?.why ?? [words, ...(obstacle === undefined ? [] : [obstacle.why])].filter(Boolean).join(': ');
  return new RnetnsError('ERR_NETNS', `cannot make the network namespace of ${state.path}: ${why}`, {
    hint: obstacle?.hint,
  });
}

async function driverError(
  { env }: Surroundings,
  driver: RunningDriver,
  status: string,
  words: string,
): Promise<RnetnsError> {
  const shown = lastWords(words) || 'it said nothing';
  // 127 and 126 are the shell's: it could not start the program at all.
  const outcome = /^12[67]$/.test(status) ? 'could not be started' : `exited with status ${status}`;
  const tun = tunProblem();
  if (tun !== undefined) {
    return new RnetnsError('ERR_TUN', `cannot start ${driver.name} (${driver.path}): ${tun.why}: ${shown}`, tun);
  }
  const failed = `cannot connect the namespace: ${driver.name} (${driver.path}) ${outcome}: ${shown}`;
  const obstacle = limitReached() ?? (await netlinkObstacle(env));
  if (obstacle !== undefined) return new RnetnsError('ERR_DRIVER', `${failed}: ${obstacle.why}`, obstacle);
  return new RnetnsError('ERR_DRIVER', failed, {
    hint: `try it with --log-level debug, or another driver: default_rootless_network_cmd in rnetns.conf`,
  });
}
