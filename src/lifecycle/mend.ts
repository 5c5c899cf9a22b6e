import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import { NOTHING, type Components } from '../namespace/components.js';
import type { Target } from '../namespace/enter.js';
import { findSurvivor } from '../namespace/members.js';
import { isNamespaceFile } from '../namespace/namespace-file.js';
import { processLine, recordedProcess } from '../namespace/proof.js';
import { showsResolvConf } from '../namespace/resolv-conf-shown.js';
import { hasLease, soundParts } from '../namespace/sound.js';
import { startSupervisor } from '../namespace/supervisor.js';
import type { Plan } from '../plan/plan.js';
import { readOptional, writeAtomic, writeInPlace } from '../state/files.js';
import { readInfo } from '../state/info.js';
import { ringSupervisor } from '../state/lease.js';
import { readLive } from '../state/live.js';
import { isAlive, type ProcessId } from '../state/process.js';
import { showsRecord, wholePlan, type Record } from '../state/record.js';
import { removeOtherLeases } from '../state/remains.js';
import { noteMended, type Context } from './context.js';
import { driverSettled } from './driver-settled.js';
import { endDriver, endSupervisor } from './end-parts.js';
import { endProcess } from './end-process.js';
import { chooseParts, makePlan } from './make-plan.js';
import { publish, surroundings } from './publish.js';

export async function mend(
  context: Context,
  found: Components,
  way: Target,
  record: Record | undefined,
  requested: string,
): Promise<void> {
  const { state } = context;
  // Its commands hold the FIFO of their generation, so that is the one to go on with. Where somebody removed the state
  // (systemd-tmpfiles(8) does, from /tmp) what runs waits on files that nobody can open any more.
  const known = found.generation ?? record?.generation;
  const isLost = known !== undefined && !hasLease(state, known);
  if (isLost) {
    context.log.warn(`the state of ${state.path} was removed, or its leases were; replacing all that held it`);
    noteMended(context, 'namespace', 'its state, or its leases, had been removed; replaced all that held it');
  }
  const generation = isLost ? requested : (known ?? requested);
  const sound = isLost ? NOTHING : soundParts(state, generation, found);
  if (!isLost) noteDead(context, found, sound, record);
  const plan = wholePlan(record) ?? (await makePlan(context, await chooseParts(context)));
  const supervisor = await ensureSupervisor(context, { found, sound, way, plan, record, generation });
  const since = record?.since ?? new Date().toISOString();
  await publish(context, generation, { supervisor, plan, since, created: false });
  removeOtherLeases(state, generation);
}

interface Mending {
  found: Components;
  /** Those of them that do their work. */
  sound: Components;
  way: Target;
  plan: Plan;
  record: Record | undefined;
  generation: string;
}

/** The one that there is, when it and all that it looks after do their work; else a new one, with what lives. */
async function ensureSupervisor(context: Context, mending: Mending): Promise<ProcessId> {
  const { state } = context;
  const { found, sound, way, plan, generation } = mending;
  const viewer = found.supervisor ?? found.guard ?? found.fork ?? found.keeper;
  // Where the namespace's file is gone, pasta, which watches it, is ending: too late to adopt it.
  const hasFile =
    way.mount !== undefined && viewer !== undefined && isNamespaceFile(`/proc/${viewer.pid}/root${state.netns}`);
  if (!hasFile && way.mount !== undefined) noteMended(context, 'netns', 'mounted again: its file had been removed');
  const keeper = hasFile ? shownKeeper(context, plan, sound.keeper) : undefined;
  const isSettled =
    sound.supervisor !== undefined && hasFile && (plan.driver.path === null || (await driverSettled(context)));
  recordParts(context, keeper, found.driver);
  if (sound.supervisor !== undefined && isSettled && keeper !== undefined) {
    if (sound.guard === undefined) ringSupervisor(state, generation);
    return sound.supervisor;
  }
  if (sound.supervisor !== undefined && hasFile && !isSettled) {
    noteMended(context, 'supervisor', `replaced (pid ${sound.supervisor.pid}): it did not start its driver`);
  }
  const goesOn = hasFile && found.driver !== undefined && (sound.supervisor === undefined || isSettled);
  await (goesOn ? endSupervisor(state) : endDriver(state));
  const replaced = keeper === undefined ? found.keeper : undefined;
  if (replaced === undefined) return takeOver(context, mending, hasFile);
  if (hasFile) await endProcess(replaced);
  // Else nothing but it may lead to the network namespace until that is mounted again. Not recorded, it is not gone on with.
  else rmSync(state.keeperFile, { force: true });
  const supervisor = await takeOver(context, mending, hasFile);
  await endProcess(replaced);
  return supervisor;
}

/** A member may end before the namespace is mounted from it. */
const ATTEMPTS = 5;
/** What is wrong with a driver may be the one before it, which is letting go of the device. */
const MEND_ATTEMPTS = 5;

async function takeOver(
  context: Context,
  { found, way, plan, record, generation }: Mending,
  hasFile: boolean,
): Promise<ProcessId> {
  const around = surroundings(context, generation);
  // Commands see it by a mount, so it has to be there; what is in it is written when all that it tells of is known.
  writeInPlace(context.state.resolvConf, readOptional(context.state.resolvConf) ?? '');
  const decided = { plan, trying: { attempts: MEND_ATTEMPTS, persist: 'yes' } } as const;
  for (let attempt = 1; ; attempt += 1) {
    const member = hasFile ? undefined : findInside(context, found, record);
    try {
      return await startSupervisor(around, way, hasFile || member !== undefined ? { member } : 'create', decided);
    } catch (error) {
      if (member === undefined || isAlive(member) || attempt === ATTEMPTS) throw error;
      await endSupervisor(context.state);
    }
  }
}

/** The keeper, if commands find our resolv.conf by way of it. Those that run have mounts of their own, and don't need this one. */
function shownKeeper(context: Context, { resolvConf }: Plan, keeper: ProcessId | undefined): ProcessId | undefined {
  const { mountTarget } = resolvConf;
  if (keeper === undefined || mountTarget === null || showsResolvConf(context.state, keeper, mountTarget))
    return keeper;
  noteMended(context, 'keeper', `replaced (pid ${keeper.pid}): our resolv.conf was no more at ${mountTarget}`);
  return undefined;
}

/** By these files a new supervisor knows what it is to go on with. */
function recordParts(context: Context, keeper: ProcessId | undefined, driver: ProcessId | undefined): void {
  const { state } = context;
  for (const [file, part] of [
    [state.keeperFile, keeper],
    [state.driverFile, driver],
  ] as const) {
    if (part === undefined || recordedProcess(file)?.pid === part.pid || !isAlive(part)) continue;
    noteMended(context, 'file', `${basename(file)} written again: it was missing or damaged`);
    writeAtomic(file, processLine(part));
  }
}

/** Before it is done: what fails on the way leaves an error, and no report. */
function noteDead(context: Context, found: Components, sound: Components, record: Record | undefined): void {
  const why = (role: 'guard' | 'supervisor' | 'keeper'): string =>
    found[role] === undefined
      ? 'it was dead'
      : `its file or its view of it had been removed or replaced (pid ${found[role].pid})`;
  if (sound.supervisor === undefined) {
    const driver =
      record?.plan.driver.path === null
        ? ''
        : found.driver === undefined
          ? ' with a new driver'
          : ` for the driver that lives (pid ${found.driver.pid})`;
    noteMended(context, 'supervisor', `started again${driver}: ${why('supervisor')}`);
  }
  if (sound.keeper === undefined) noteMended(context, 'keeper', `started again: ${why('keeper')}`);
  if (sound.guard === undefined) noteMended(context, 'guard', `started again: ${why('guard')}`);
  const again = 'written again: it was missing or damaged';
  const live = readLive(context.state);
  const roles = ['supervisor', 'keeper'] as const;
  if (live === undefined) noteMended(context, 'live', again);
  else if (roles.some((role) => sound[role] !== undefined && sound[role].pid !== live[role].pid)) {
    noteMended(context, 'live', 'written again: it named other processes');
  }
  if (record === undefined || !showsRecord(context.state)) noteMended(context, 'file', `state.json ${again}`);
  if (readInfo(context.state) === undefined) noteMended(context, 'file', `info.json ${again}`);
}

/** A process in the network namespace: the keeper or a command. All else of ours is on the host's network. */
export function findInside(
  { state }: Context,
  { keeper }: Components,
  record: Record | undefined,
): ProcessId | undefined {
  return keeper !== undefined && isAlive(keeper) ? keeper : findSurvivor(state, record);
}
