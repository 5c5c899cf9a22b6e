import { RnetnsError } from '../errors/error.js';
import { findComponents, wayToO, type Components } from '../namespace/components.js';
import type { Target } from '../namespace/enter.js';
import { adoptHolder, createHolder } from '../namespace/holder.js';
import { isInside } from '../namespace/inside.js';
import { findSurvivor } from '../namespace/members.js';
import { ensureNetns, isNamespaceFile } from '../namespace/netns.js';
import { enterScope } from '../namespace/scope.js';
import { hasLease, soundParts } from '../namespace/sound.js';
import { insideError, removeNamespace } from '../namespace/teardown.js';
import { checkClosed, checkWritable, makeOutside } from '../state/directory.js';
import { readInfo } from '../state/info.js';
import { readLive } from '../state/live.js';
import { identifyProcess, isAlive, killProcess, namespaceInode, type ProcessId } from '../state/process.js';
import { isOfAnotherBoot, readRecord, showsRecord, wholePlan, type Record } from '../state/record.js';
import { ringHolder } from '../state/lease.js';
import { forgetReferences, readReferences } from '../state/references.js';
import { removeOtherLeases, removeRemains } from '../state/remains.js';
import { build, surroundings } from './build.js';
import { noteMended, type Context } from './context.js';
import { endDriver } from './end-driver.js';
import { endProcess } from './end-process.js';
import { chooseParts, makePlan } from './make-plan.js';
import { settleAll } from './settle-all.js';
import { wakeComponents } from './wake.js';

/**
 * Theory of operation: reconcile
 *
 * The namespace is a list of components, each resting on those before it. Under the lock, in order: alive? keep it.
 * Dead? start it again, in what is alive. So creating one, and recovering from the death of any part, are one function:
 *   1. holder      user namespace O and mount namespace M0; a living process of ours, if there is one, leads back there
 *   2. netns       with its user namespace U, mounted on their files in M0; a living member leads back to them
 *   3. supervisor  with the driver; a driver that lost its supervisor is adopted, connections and all
 *   4. keeper      M1 with the mounts, in the netns; beside 3, for neither needs the other
 *   5. resolv.conf and info, once it shows which addresses the driver brought
 *   6. `live`, last: it never promises what is not there
 *
 * Created and repaired are different: only what a call created itself does that call undo. A mended namespace has
 * users already, so what can't be mended leaves the rest as it is, and a driver that won't start is tried again while
 * the namespace is degraded. The same where the host has no way out, or one that the driver can't use (connect.ts).
 *
 * The caller holds the lock, and a lease on the generation: it is what ends everything if this process is killed.
 */
export async function ensure(context: Context, generation: string): Promise<void> {
  const { state } = context;
  checkClosed(state);
  checkWritable(state);
  if (isInside(state)) throw insideError(state, 'mend');
  const found = await wakeComponents(context);
  const record = readRecord(state);
  const way = wayToO(state, found);
  if (way !== undefined && !isWithinReach(way)) {
    // It has ended since it was found.
    if (identifyProcess(way.pid) === undefined) return ensure(context, generation);
    throw new RnetnsError('ERR_NETNS', `cannot enter ${state.path} from here: its user namespace is beside ours`, {
      hint: 'call rnetns outside of the other namespace; see setns(2) for what the kernel allows',
    });
  }
  const scope = enterScope(state.name, context.runtimeDir, (message) => context.log.warn(message));
  // Without a way into O no driver can be connected to what its commands are in: they go on alone. M0 or a process inside is
  // more of it than a driver.
  const hasMore = way?.mount !== undefined || findInside(context, found, record) !== undefined;
  if (way === undefined || !hasMore) {
    // pasta ends by itself when its netns has gone, but misses that at times; the new netns gets a driver of its own.
    if (found.driver !== undefined) killProcess(found.driver);
    return create(context, generation, scope);
  }
  await scope;
  makeOutside(state);
  await mend(asMade(context, record), found, way, record, generation);
}

function isWithinReach({ pid }: Target): boolean {
  return namespaceInode(pid, 'user') !== undefined;
}

/** With the settings that the namespace was made with, as far as they are not in its plan. */
function asMade(context: Context, record: Record | undefined): Context {
  if (record === undefined) return context;
  const { config } = context;
  const { lingerSeconds = config.rnetns.lingerSeconds } = record;
  return { ...context, config: { ...config, rnetns: { ...config.rnetns, lingerSeconds } } };
}

/** A process in the network namespace: the keeper or a command. All else of ours is on the host's network. */
function findInside({ state }: Context, { keeper }: Components, record: Record | undefined): ProcessId | undefined {
  return keeper !== undefined && isAlive(keeper) ? keeper : findSurvivor(state, record);
}

/** @param scope - what is started after this has come true is in the scope, see enterScope(). */
async function create(context: Context, generation: string, scope: Promise<void>): Promise<void> {
  const { state, log } = context;
  log.debug(`creating ${state.path}, generation ${generation}`);
  const choice = await chooseParts(context);
  if (isOfAnotherBoot(state)) forgetReferences(state);
  removeRemains(state, generation);
  makeOutside(state);
  const around = surroundings(context, generation);
  try {
    // 1 and 2 beside the plan: neither needs the other, and asking the driver what it can do takes as long as they do.
    const [holder, plan] = await settleAll(
      scope.then(() => createHolder(around, choice.idMap)),
      makePlan(context, choice),
    );
    log.debug(`plan: ${JSON.stringify(plan)}`);
    await build(context, generation, plan, { holder, since: new Date().toISOString(), created: true });
  } catch (cause) {
    await undo(context, generation).catch((error: unknown) => log.error(String(error)));
    throw cause;
  }
}

/** Only what was made: references of a namespace whose processes had all died are containers', and stay. */
async function undo({ state, env }: Context, generation: string): Promise<void> {
  if (readReferences(state).count === 0) return removeNamespace(state, env);
  await endDriver(state);
  const { guard, keeper, holder } = findComponents(state);
  for (const part of [guard, keeper, holder]) {
    if (part !== undefined) killProcess(part);
  }
  removeRemains(state, generation);
}

async function mend(
  context: Context,
  found: Components,
  way: Target,
  record: Record | undefined,
  requested: string,
): Promise<void> {
  // Its commands hold the FIFO of their generation, so that is the one to go on with.
  const known = found.generation ?? record?.generation;
  if (known !== undefined && !hasLease(context.state, known)) {
    return replaceAll(context, found, way, record, requested);
  }
  const generation = known ?? requested;
  const sound = soundParts(context.state, generation, found);
  noteDead(context, found, sound, record);
  const plan = wholePlan(record) ?? (await makePlan(context, await chooseParts(context)));
  const around = surroundings(context, generation);
  const holder = sound.holder ?? (await adoptHolder(around, way));
  const findMember = (): ProcessId | undefined => findInside(context, found, record);
  // Where the namespace's file is gone, pasta, which watches it, is ending: too late to adopt it.
  const hasFile = isNamespaceFile(`/proc/${holder.pid}/root${context.state.netns}`);
  if (!hasFile) {
    if (way.mount !== undefined) noteMended(context, 'netns', 'mounted again: its file had been removed');
    // While those are there that lead to it.
    await ensureNetns(around, holder, findMember);
    await endDriver(context.state);
  }
  await endUnsound(found, sound);
  if (sound.guard === undefined) ringHolder(context.state, generation);
  await build(context, generation, plan, {
    ...sound,
    ...(hasFile ? {} : { supervisor: undefined, driver: undefined }),
    holder,
    findMember,
    since: record?.since ?? new Date().toISOString(),
    created: false,
  });
  removeOtherLeases(context.state, generation);
}

/**
 * Somebody removed the state (systemd-tmpfiles(8) does, from /tmp): what runs waits on files that nobody can open any
 * more. The namespace and its commands stay, all of ours is replaced.
 */
async function replaceAll(
  context: Context,
  found: Components,
  way: Target,
  record: Record | undefined,
  generation: string,
): Promise<void> {
  context.log.warn(`the state of ${context.state.path} was removed, or its leases were; replacing all that held it`);
  noteMended(context, 'namespace', 'its state, or its leases, had been removed; replaced all that held it');
  const plan = wholePlan(record) ?? (await makePlan(context, await chooseParts(context)));
  const around = surroundings(context, generation);
  const holder = await adoptHolder(around, way);
  await ensureNetns(around, holder, () => findInside(context, found, record));
  await endUnsound({ ...found, supervisor: undefined });
  ringHolder(context.state, generation);
  await endDriver(context.state);
  const since = record?.since ?? new Date().toISOString();
  await build(context, generation, plan, { holder, since, created: false });
}

/**
 * When there is another holder, which starts a guard, but none beside one that lives. All in one moment: a guard acts on the
 * death of its holder, and a holder that lives on as well would start another one.
 */
async function endUnsound(found: Components, sound: Partial<Components> = {}): Promise<void> {
  const unsound = (['guard', 'holder', 'keeper', 'supervisor'] as const).flatMap((role) => {
    const old = found[role];
    return old !== undefined && sound[role] === undefined ? [old] : [];
  });
  await Promise.all(unsound.map(endProcess));
}

/** Before it is done: what fails on the way leaves an error, and no report. */
function noteDead(context: Context, found: Components, sound: Components, record: Record | undefined): void {
  const why = (role: 'holder' | 'guard' | 'supervisor' | 'keeper'): string =>
    found[role] === undefined
      ? 'it was dead'
      : `its file or its view of it had been removed or replaced (pid ${found[role].pid})`;
  if (sound.holder === undefined) noteMended(context, 'holder', `started again: ${why('holder')}`);
  if (sound.supervisor === undefined && record?.plan.driver.path !== null) {
    const driver =
      found.driver === undefined ? 'with a new driver' : `for the driver that lives (pid ${found.driver.pid})`;
    noteMended(context, 'supervisor', `started again ${driver}: ${why('supervisor')}`);
  }
  if (sound.keeper === undefined) noteMended(context, 'keeper', `started again: ${why('keeper')}`);
  if (sound.guard === undefined) noteMended(context, 'guard', `started again: ${why('guard')}`);
  const again = 'written again: it was missing or damaged';
  const live = readLive(context.state);
  const roles = ['holder', 'supervisor', 'keeper'] as const;
  if (live === undefined) noteMended(context, 'live', again);
  else if (roles.some((role) => sound[role] !== undefined && sound[role].pid !== live[role]?.pid)) {
    noteMended(context, 'live', 'written again: it named other processes');
  }
  if (record === undefined || !showsRecord(context.state)) noteMended(context, 'file', `state.json ${again}`);
  if (readInfo(context.state) === undefined) noteMended(context, 'file', `info.json ${again}`);
}
