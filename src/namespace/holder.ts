import { writeFileSync } from 'node:fs';
import { RnetnsError } from '../errors/error.js';
import { BackgroundProcess } from '../exec/background.js';
import { runCommand } from '../exec/command.js';
import type { IdMap } from '../plan/plan.js';
import { identifyProcess, type ProcessId } from '../state/process.js';
import type { Surroundings } from './surroundings.js';
import { enterArguments, type Target } from './enter.js';
import { SCRIPTS } from './scripts.js';
import { filtered, limitReached, netlinkObstacle, silentEnd, usernsObstacle } from './userns-obstacle.js';

const READY_MS = 10_000;

/**
 * Start the holder in a new user namespace (or in the caller's, when that is one it may use) and a mount namespace, and
 * have it make the network namespace there.
 *
 * @throws RnetnsError ERR_USERNS when the host doesn't allow one, with what unshare(1) said.
 */
export async function createHolder(around: Surroundings, idMap: IdMap | null): Promise<ProcessId> {
  if (idMap === null) return startHolder(around, undefined, ['create']);
  const pin = await createUserns(around, idMap);
  try {
    return await startHolder(around, { pid: pin.pid, user: true }, ['create']);
  } finally {
    pin.kill();
  }
}

/** Replace a dead holder. `way` leads into the user namespace, and into M0 if there still is one. */
export function adoptHolder(around: Surroundings, way: Target): Promise<ProcessId> {
  return startHolder(around, way);
}

/**
 * A process that does nothing but be in a new, mapped user namespace. The holder enters it from outside, because
 * setns(2) is what gives full capabilities there: execve(2) with uid 0 does so too, but not under no_new_privs, which
 * callers in a container or a hardened unit have.
 */
async function createUserns(around: Surroundings, idMap: IdMap): Promise<BackgroundProcess & { pid: number }> {
  const pin = new BackgroundProcess('unshare', ['--user', '--', 'sh', '-c', 'echo; read -r _'], around.env);
  try {
    await pin.line(READY_MS);
    if (pin.pid === undefined) throw new Error('could not be started');
    await mapIds(pin.pid, idMap, around);
    return Object.assign(pin, { pid: pin.pid });
  } catch (cause) {
    const { over, stderr } = pin;
    pin.kill();
    // Where the kernel refuses it, unshare(1) says so.
    const obstacle = over !== undefined && stderr === '' ? silentEnd(over.signal) : usernsObstacle();
    const why = obstacle === undefined ? '' : `: ${obstacle.why}`;
    throw new RnetnsError('ERR_USERNS', `cannot make a user namespace: ${stderr || reason(cause)}${why}`, {
      hint: obstacle?.hint,
      cause,
    });
  }
}

/** @param way - into the user namespace, and maybe M0; undefined: the user namespace is the caller's own. */
async function startHolder(
  around: Surroundings,
  way: Target | undefined,
  create: readonly string[] = [],
): Promise<ProcessId> {
  const { state, generation, lingerSeconds, env } = around;
  const [file = '', ...args] = [
    ...(way === undefined ? [] : enterArguments(way)),
    // Slave: what is mounted here never shows on the host, and what the host unmounts is not held busy here
    // (https://github.com/containers/podman/issues/25994).
    ...(way?.mount !== undefined ? [] : ['unshare', '--mount', '--propagation', 'slave', '--']),
    ...['sh', SCRIPTS.holder, state.path, generation, String(lingerSeconds), ...create],
  ];
  const holder = new BackgroundProcess(file, args, env);
  try {
    await holder.line(READY_MS);
    const process = identifyProcess(holder.pid ?? 0);
    if (process === undefined) throw new Error('ended at once');
    holder.release();
    return process;
  } catch (cause) {
    const { over, stderr } = holder;
    const words = stderr || reason(cause);
    holder.kill();
    const isSilent = over !== undefined && stderr === '';
    const obstacle = isSilent ? silentEnd(over.signal) : (limitReached() ?? (await netlinkObstacle(env)) ?? filtered());
    const why = obstacle === undefined ? '' : `: ${obstacle.why}`;
    throw new RnetnsError('ERR_NETNS', `cannot start the holder of ${state.path}: ${words}${why}`, {
      hint: obstacle?.hint,
      cause,
    });
  }
}

/**
 * Write the id map: with newuidmap(1) and newgidmap(1) when it has subordinate ids, else directly, which
 * user_namespaces(7) allows for one's own single id. A refused map falls back to the single id: that is enough for
 * networks, and only programs that change their uid notice.
 */
async function mapIds(pid: number, { uid, gid }: IdMap, { env, warn }: Surroundings): Promise<void> {
  const map = async (kind: 'uid' | 'gid', lines: IdMap['uid']): Promise<void> => {
    if (lines.length > 1) {
      const result = await runCommand(`new${kind}map`, [pid, ...lines.flat()].map(String), { env, timeoutMs: 5000 });
      if (result.status === 0) return;
      const words = result.stderr.trim() || result.outcome;
      warn(`new${kind}map failed, so that only your own ${kind} exists in the namespace: ${words}`);
    }
    if (kind === 'gid') writeFileSync(`/proc/${pid}/setgroups`, 'deny');
    writeFileSync(`/proc/${pid}/${kind}_map`, lines[0]?.join(' ') ?? '');
  };
  await Promise.all([map('uid', uid), map('gid', gid)]);
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
