import { findAlternative, planDriver } from '../driver/choose.js';
import { quirksOf } from '../driver/drivers.js';
import { RnetnsError } from '../errors/error.js';
import { startSupervisor, type RunningDriver } from '../namespace/supervisor.js';
import type { Surroundings } from '../namespace/surroundings.js';
import { isOnline, oddWaysOut, ownWaysOut, waysOutOf } from '../namespace/ways-out.js';
import type { ProcessId } from '../state/process.js';
import type { Context } from './context.js';
import { endDriver } from './end-driver.js';

/**
 * Theory of operation: connecting a new namespace
 *
 * A driver that gives the namespace the host's own addresses and routes (`copiesHostRoutes`) can't use some of the host's:
 * those without a gateway, with several next hops, or in a table that a rule leads to. Depending on its version it ends, or
 * starts without a way out of the namespace. One with a network of its own doesn't mind.
 *   1. The host has no way out: it is tried until there is one, with the namespace degraded meanwhile.
 *   2. The driver doesn't start, or brings no way out, and the host's routes are of the ordinary kind: an error.
 *   3. They aren't: one that doesn't mind, if the settings leave the choice and it is installed; else it goes on trying.
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
  if (!quirksOf(driver).copiesHostRoutes) return start(driver, 'no');
  if (!(await isOnline())) return start(driver, 'offline'); // 1.
  try {
    return await start(driver, 'no');
  } catch (error) {
    const odd = error instanceof RnetnsError && error.code === 'ERR_DRIVER' ? await oddWaysOut(around.env) : undefined;
    if (odd === undefined) throw error; // 2.
    const other = await alternativeTo(driver, context, odd); // 3.
    return other === undefined ? start(driver, 'yes') : start(other, 'no');
  }
}

/** Where it runs, but the namespace got no way out of the host's first family: as when it had not started. */
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
  const odd = lacks && quirksOf(driver).copiesHostRoutes ? await oddWaysOut(around.env, family) : undefined;
  if (odd === undefined) return { supervisor, driver };
  const other = await alternativeTo(driver, context, odd);
  if (other === undefined) return { supervisor, driver };
  await endDriver(context.state);
  return { supervisor: await startSupervisor(around, holder, other, { attempts: 1, persist: 'no' }), driver: other };
}

/** Another one, where it may be taken. Either way the caller is told. */
async function alternativeTo(
  { name }: RunningDriver,
  { config, env, state, log }: Context,
  odd: string,
): Promise<RunningDriver | undefined> {
  const found = findAlternative(name, config, (env.PATH ?? '').split(':'));
  if (typeof found === 'string') {
    log.warn(`${odd}, which this ${name} can't use: the namespace has no way out for now; ${found}`);
    return undefined;
  }
  const taken = `taking ${found.driver.name}; default_rootless_network_cmd chooses for good`;
  log.warn(`${odd}, which this ${name} can't use: ${taken}`);
  const plan = await planDriver(found, config, state.netns, env);
  return plan.path === null ? undefined : plan;
}
