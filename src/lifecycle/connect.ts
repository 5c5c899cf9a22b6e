import { findAlternative, planDriver } from '../driver/choose.js';
import { quirksOf } from '../driver/drivers.js';
import { RnetnsError } from '../errors/error.js';
import type { Target } from '../namespace/enter.js';
import { holdWay } from '../namespace/hold-way.js';
import type { Trying } from '../namespace/shell-plan.js';
import { startSupervisor, type Decided, type RunningDriver } from '../namespace/supervisor.js';
import type { Surroundings } from '../namespace/surroundings.js';
import { isOnline, oddWaysOut, ownWaysOut, waysOutOf } from '../namespace/ways-out.js';
import type { DriverPlan, Plan } from '../plan/plan.js';
import type { ProcessId } from '../state/process.js';
import type { Context } from './context.js';
import { endDriver, endParts } from './end-parts.js';

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
  /** With the driver that it became. */
  plan: Plan;
}

/** The driver of a namespace that was just torn down may still be letting go of its ports. */
export const CREATE_ATTEMPTS = 2;

/**
 * Make the namespace.
 *
 * @param way - into O; undefined: it is the caller's own.
 */
export async function connect(
  context: Context,
  around: Surroundings,
  way: Target | undefined,
  planned: Promise<Plan>,
): Promise<Connected> {
  const decide = async (plan: Plan, persist?: Trying['persist']): Promise<Decided> => {
    const isOffline = persist === undefined && quirksOf(plan.driver).copiesHostRoutes && !(await isOnline());
    return { plan, trying: { attempts: CREATE_ATTEMPTS, persist: persist ?? (isOffline ? 'offline' : 'no') } }; // 1.
  };
  const start = async (plan: Plan, persist: Trying['persist']): Promise<Connected> => ({
    supervisor: await startSupervisor(around, way, 'create', decide(plan, persist)),
    plan,
  });
  try {
    const decided = planned.then((plan) => decide(plan));
    return { supervisor: await startSupervisor(around, way, 'create', decided), plan: await planned };
  } catch (error) {
    const isDriver = error instanceof RnetnsError && error.code === 'ERR_DRIVER';
    const plan = await planned;
    const odd = isDriver && quirksOf(plan.driver).copiesHostRoutes ? await oddWaysOut(around.env) : undefined;
    if (odd === undefined) throw error; // 2.
    const other = await alternativeTo(plan.driver.name, context, odd); // 3.
    await endParts(context.state);
    return other === undefined ? start(plan, 'yes') : start({ ...plan, driver: other }, 'no');
  }
}

/** Where it runs, but the namespace got no way out of the host's first family: as when it had not started. */
export async function ensureWayOut(
  context: Context,
  around: Surroundings,
  keeper: ProcessId,
  { supervisor, plan }: Connected,
): Promise<Connected> {
  const { driver } = plan;
  const { ipv4, ipv6 } = await ownWaysOut();
  const inside = waysOutOf(keeper.pid);
  const family = ipv4 && (driver.path === null || driver.families?.ipv4 !== false) ? 'ipv4' : 'ipv6';
  const lacks = family === 'ipv4' ? !inside.ipv4 : ipv6 && !inside.ipv6;
  const odd = lacks && quirksOf(driver).copiesHostRoutes ? await oddWaysOut(around.env, family) : undefined;
  const other = odd === undefined ? undefined : await alternativeTo(plan.driver.name, context, odd);
  if (other === undefined) return { supervisor, plan };
  const way = holdWay({ pid: supervisor.pid, user: true, mount: true });
  try {
    await endDriver(context.state);
    const changed = { ...plan, driver: other };
    const trying = { attempts: 1, persist: 'no' } as const;
    return {
      supervisor: await startSupervisor(around, way, { member: undefined }, { plan: changed, trying }),
      plan: changed,
    };
  } finally {
    way.release();
  }
}

/** Another one, where it may be taken. Either way the caller is told. */
async function alternativeTo(
  name: DriverPlan['name'],
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
