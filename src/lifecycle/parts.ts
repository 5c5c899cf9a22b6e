import { setTimeout as sleep } from 'node:timers/promises';
import type { Components } from '../namespace/components.js';
import { showsResolvConf, startKeeper } from '../namespace/keeper.js';
import { startSupervisor } from '../namespace/supervisor.js';
import type { Surroundings } from '../namespace/surroundings.js';
import type { DriverPlan, Plan } from '../plan/plan.js';
import type { StateDirectory } from '../state/directory.js';
import { readOptional, writeAtomic } from '../state/files.js';
import { identifyProcess, isAlive, killProcess, type ProcessId } from '../state/process.js';
import { noteMended, type Context } from './context.js';
import { connect, type Connected } from './connect.js';

/** What there is of a namespace when the rest of it is built. */
export interface Parts extends Partial<Components> {
  holder: ProcessId;
  /** A process that is in the network namespace now, if any is. */
  findMember?: () => ProcessId | undefined;
  since: string;
  created: boolean;
}

/** Steps 3 and 4 of reconcile: the part that lives, or a new one. */
export async function ensureKeeper(
  context: Context,
  around: Surroundings,
  { mounts, resolvConf }: Plan,
  { holder, keeper }: Parts,
): Promise<ProcessId> {
  if (keeper !== undefined) {
    if (resolvConf.mountTarget === null || showsResolvConf(context.state, keeper, resolvConf.mountTarget))
      return keeper;
    // Commands that run have mounts of their own, and don't need this one.
    noteMended(context, 'keeper', `replaced (pid ${keeper.pid}): the host had replaced ${resolvConf.mountTarget}`);
    killProcess(keeper);
  }
  return startKeeper(around, holder, mounts);
}

/** @returns also the driver that it became: of a new namespace it may be another one than planned. */
export async function ensureSupervisor(
  context: Context,
  around: Surroundings,
  { driver }: Plan,
  { holder, supervisor, driver: orphan, created }: Parts,
): Promise<Connected | { supervisor: undefined; driver: DriverPlan }> {
  const { state, log } = context;
  if (driver.path === null) return { supervisor: undefined, driver };
  if (supervisor !== undefined) {
    await driverSettled(state);
    return { supervisor, driver };
  }
  if (created) return connect(context, around, holder, driver);
  if (orphan !== undefined) log.info(`adopting ${driver.name} (pid ${orphan.pid}), whose supervisor died`);
  const options = { attempts: MEND_ATTEMPTS, persist: 'yes', adopt: orphan } as const;
  return { supervisor: await startSupervisor(around, holder, driver, options), driver };
}

/** That of this one may still be letting go of the device. */
const MEND_ATTEMPTS = 5;
const RESTART_MS = 5000;
const POLL_MS = 20;

/**
 * The supervisor empties the pid file while it restarts its driver; wait for the outcome, whichever it is. A file that
 * something else has damaged is written again, from the supervisor's other one.
 */
async function driverSettled({ driverPid, driverState }: StateDirectory): Promise<void> {
  for (let waited = 0; waited < RESTART_MS; waited += POLL_MS) {
    const recorded = readOptional(driverPid) ?? '';
    const [pid = 0, startTicks = 0] = (readOptional(driverState) ?? '').split(' ').map(Number);
    if (isAlive({ pid, startTicks })) {
      if (recorded !== `${pid}\n`) writeAtomic(driverPid, `${pid}\n`);
      return;
    }
    if (/^\d+\n$/.test(recorded) && (recorded === '0\n' || identifyProcess(Number(recorded)) !== undefined)) return;
    await sleep(POLL_MS);
  }
}
