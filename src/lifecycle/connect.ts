import { findAlternative, planDriver } from '../driver/choose.js';
import { RnetnsError } from '../errors/error.js';
import { startSupervisor, type RunningDriver } from '../namespace/supervisor.js';
import type { Surroundings } from '../namespace/surroundings.js';
import { isOnline, oddWaysOut, ownWaysOut, waysOutOf } from '../namespace/ways-out.js';
import type { DriverPlan } from '../plan/plan.js';
import type { ProcessId } from '../state/process.js';
import type { Context } from './context.js';
import { endDriver } from './end-driver.js';

/**
 * Theory of operation: connecting a new namespace
 *
 * pasta gives the namespace the host's own addresses and routes, so there are routes of the host's that it can't use:
 * without a gateway, with several next hops, or in a table that a rule leads to. Depending on its version it ends, or
 * starts without a way out of the namespace. slirp4netns has a network of its own, and doesn't mind.
 *   1. The host has no way out: pasta is tried until there is one, with the namespace degraded meanwhile.
 *   2. The driver doesn't start, or brings no way out, and the host's routes are of the ordinary kind: an error.
 *   3. They aren't: slirp4netns, if the settings leave the choice and it is installed; else pasta goes on trying.
 */
export interface Connected {
  supervisor: ProcessId;
  driver: RunningDriver;
}

/** The driver of a namespace that was just torn down may still be letting go of its ports. */
const CREATE_ATTEMPTS = 2;

export async function connect(
  context: Context,
  around: Surroundings,
  holder: ProcessId,
  driver: RunningDriver,
): Promise<Connected> {
  const start = async (chosen: RunningDriver, persist: 'no' | 'yes' | 'offline'): Promise<Connected> => ({
    supervisor: await startSupervisor(around, holder, chosen, { attempts: CREATE_ATTEMPTS, persist }),
    driver: chosen,
  });
  if (driver.name !== 'pasta') return start(driver, 'no');
  if (!(await isOnline())) return start(driver, 'offline'); // 1.
  try {
    return await start(driver, 'no');
  } catch (error) {
    const odd = error instanceof RnetnsError && error.code === 'ERR_DRIVER' ? await oddWaysOut(around.env) : undefined;
    if (odd === undefined) throw error; // 2.
    const other = await alternativeTo(context, odd); // 3.
    return other === undefined ? start(driver, 'yes') : start(other, 'no');
  }
}

/** Where pasta runs, but the namespace got no way out of the host's first family: as when it had not started. */
export async function ensureWayOut(
  context: Context,
  around: Surroundings,
  holder: ProcessId,
  keeper: ProcessId,
  { supervisor, driver }: Connected,
): Promise<Connected> {
  const { ipv4, ipv6 } = await ownWaysOut();
  const inside = waysOutOf(keeper.pid);
  const family = ipv4 && driver.families?.ipv4 !== false ? 'ipv4' : 'ipv6';
  const lacks = family === 'ipv4' ? !inside.ipv4 : ipv6 && !inside.ipv6;
  const odd = lacks && driver.name === 'pasta' ? await oddWaysOut(around.env, family) : undefined;
  if (odd === undefined) return { supervisor, driver };
  const other = await alternativeTo(context, odd);
  if (other === undefined) return { supervisor, driver };
  await endDriver(context.state);
  return { supervisor: await startSupervisor(around, holder, other, { attempts: 1, persist: 'no' }), driver: other };
}

/** slirp4netns, where it may be taken. Either way the caller is told. */
async function alternativeTo(
  { config, env, state, log }: Context,
  odd: string,
): Promise<Extract<DriverPlan, { path: string }> | undefined> {
  const found = findAlternative(config, (env.PATH ?? '').split(':'));
  if (typeof found === 'string') {
    log.warn(`${odd}, which this pasta can't use: the namespace has no way out for now; ${found}`);
    return undefined;
  }
  log.warn(`${odd}, which this pasta can't use: taking slirp4netns; default_rootless_network_cmd chooses for good`);
  const plan = await planDriver(found, config, state.netns, env);
  return plan.path === null ? undefined : plan;
}
