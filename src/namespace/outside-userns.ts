import { writeFileSync } from 'node:fs';
import { RnetnsError } from '../errors/error.js';
import { BackgroundProcess } from '../exec/background.js';
import { runCommand } from '../exec/command.js';
import type { IdMap } from '../plan/plan.js';
import type { Surroundings } from './surroundings.js';
import { silentEnd, usernsObstacle } from './userns-obstacle.js';

const READY_MS = 10_000;

/** A process that waits in O, for others to enter it. */
export type Pin = BackgroundProcess & { pid: number };

/**
 * Make O. The supervisor enters it from outside, because setns(2) is what gives full capabilities there: execve(2) with
 * uid 0 does so too, but not under no_new_privs, which callers in a container or a hardened unit have.
 *
 * @throws RnetnsError ERR_USERNS when the host doesn't allow one, with what unshare(1) said.
 */
export async function pinOutside(around: Surroundings, idMap: IdMap): Promise<Pin> {
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
    const words = stderr || (cause instanceof Error ? cause.message : String(cause));
    throw new RnetnsError('ERR_USERNS', `cannot make a user namespace: ${words}${why}`, {
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
