import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findComponents, type Components } from '../namespace/components.js';
import { showsResolvConf, startKeeper } from '../namespace/keeper.js';
import { startSupervisor } from '../namespace/supervisor.js';
import type { Surroundings } from '../namespace/surroundings.js';
import type { DriverPlan, Plan } from '../plan/plan.js';
import { readOptional, writeAtomic } from '../state/files.js';
import { isAlive, killProcess, type ProcessId } from '../state/process.js';
import { noteMended, type Context } from './context.js';
import { connect, type Connected } from './connect.js';
import { endDriver } from './end-driver.js';

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
    noteMended(
      context,
      'keeper',
      `replaced (pid ${keeper.pid}): our resolv.conf was no more at ${resolvConf.mountTarget}`,
    );
    killProcess(keeper);
  }
  return startKeeper(around, holder, mounts);
}

/** @returns also the driver that it became: of a new namespace it may be another one than planned. */
export async function ensureSupervisor(
  context: Context,
  around: Surroundings,
  { driver }: Plan,
  { holder, supervisor, driver: found, created }: Parts,
): Promise<Connected | { supervisor: undefined; driver: DriverPlan }> {
  const { state, log } = context;
  if (driver.path === null) return { supervisor: undefined, driver };
  let orphan = found;
  if (supervisor !== undefined) {
    if (await driverSettled(context)) return { supervisor, driver };
    noteMended(context, 'supervisor', `replaced (pid ${supervisor.pid}): it did not start its driver`);
    await endDriver(state);
    orphan = undefined;
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
 * The supervisor empties the pid file while it restarts its driver; wait for the outcome, whichever it is. Of its two files
 * one that something else has damaged is written again: from the other one, or from what runs.
 *
 * @returns false when there was none for so long.
 */
async function driverSettled(context: Context): Promise<boolean> {
  const { state } = context;
  const write = (path: string, text: string): void => {
    writeAtomic(path, text);
    noteMended(context, 'file', `${basename(path)} written again: it was missing or damaged`);
  };
  for (let waited = 0; waited < RESTART_MS; waited += POLL_MS) {
    const recorded = readOptional(state.driverPid) ?? '';
    const noted = /^(\d+) (\d+) \d+\n/.exec(readOptional(state.driverState) ?? '');
    const driver = noted === null ? findComponents(state).driver : undefined;
    if (driver !== undefined) write(state.driverState, `${driver.pid} ${driver.startTicks} 0\n\n`);
    else if (noted === null && recorded === '0\n') write(state.driverState, '0 0 0\n\n');
    const [pid, startTicks] = [Number(noted?.[1] ?? driver?.pid ?? 0), Number(noted?.[2] ?? driver?.startTicks ?? 0)];
    if (isAlive({ pid, startTicks })) {
      if (recorded !== `${pid}\n`) write(state.driverPid, `${pid}\n`);
      return true;
    }
    if (pid === 0 && recorded === '0\n') return true;
    await sleep(POLL_MS);
  }
  return false;
}
