import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RnetnsError } from '../errors/error.js';
import { findComponents, type Components } from '../namespace/components.js';
import { adoptHolder, createHolder } from '../namespace/holder.js';
import { isInside } from '../namespace/inside.js';
import { showsResolvConf, startKeeper } from '../namespace/keeper.js';
import { ensureNetns } from '../namespace/netns.js';
import { startSupervisor } from '../namespace/supervisor.js';
import type { Surroundings } from '../namespace/surroundings.js';
import { insideError, removeNamespace } from '../namespace/teardown.js';
import { ofFamiliesIn, parseProcAddresses } from '../plan/addresses.js';
import type { Plan } from '../plan/plan.js';
import { checkWritable, statStateDirectory, writeError, type StateDirectory } from '../state/directory.js';
import { readOptional, writeAtomic } from '../state/files.js';
import { writeInfo } from '../state/info.js';
import { formatLive } from '../state/live.js';
import {
  bootId,
  identifyProcess,
  isAlive,
  killProcess,
  namespaceInode,
  processesInNetns,
  type ProcessId,
} from '../state/process.js';
import { readRecord, writeRecord, type Record } from '../state/record.js';
import type { Context } from './context.js';
import { isOnline } from './facts.js';
import { chooseParts, makePlan, resolvConfOf } from './make-plan.js';

/**
 * Theory of operation: reconcile
 *
 * The namespace is a list of components, each resting on those before it. Under the lock, in order: alive? keep it.
 * Dead? start it again, in what is alive. So creating one, and recovering from the death of any part, are one function:
 *   1. holder      user namespace U and mount namespace M0; a living process of U, if there is one, leads back into U
 *   2. netns       mounted on its file in M0; a living member of it leads back to it
 *   3. supervisor  with the driver; a driver that lost its supervisor is adopted, connections and all
 *   4. keeper      M1 with the mounts, in the netns; beside 3, for neither needs the other
 *   5. resolv.conf and info, once it shows which addresses the driver brought
 *   6. `live`, last: it never promises what is not there
 *
 * Created and repaired are different: only what a call created itself does that call undo. A mended namespace has
 * users already, so what can't be mended leaves the rest as it is, and a driver that won't start is tried again while
 * the namespace is degraded. The same without a default route: being offline is no error.
 *
 * The caller holds the lock, and a lease on the generation: it is what ends everything if this process is killed.
 */
export async function ensure(context: Context, generation: string): Promise<void> {
  const { state } = context;
  statStateDirectory(state);
  checkWritable(state);
  const found = findComponents(state);
  const record = readRecord(state);
  const member = lastMember(found, record);
  // A holder or supervisor started in here would be on the namespace's own network.
  if (member !== undefined && namespaceInode(member.pid, 'user') === undefined) {
    throw new RnetnsError('ERR_NETNS', `cannot enter ${state.path} from here: its user namespace is beside ours`, {
      hint: 'call rnetns outside of the other namespace; see setns(2) for what the kernel allows',
    });
  }
  const needsHost = found.holder === undefined || (found.supervisor === undefined && record?.plan.driver.path !== null);
  if (needsHost && isInside(state)) throw insideError(state, 'mend');
  if (member === undefined) await create(context, generation);
  else await mend(context, found, member, record, generation);
}

/** A process through which U can be entered again: one of ours, or a command that outlived them all. */
function lastMember(found: Components, record: Record | undefined): ProcessId | undefined {
  const ours = found.holder ?? found.supervisor ?? found.keeper;
  if (ours !== undefined || record === undefined) return ours;
  const [pid] = processesInNetns(record.netnsInode);
  return pid === undefined ? undefined : identifyProcess(pid);
}

async function create(context: Context, generation: string): Promise<void> {
  const { state, env, log } = context;
  log.debug(`creating ${state.path}, generation ${generation}`);
  const choice = await chooseParts(context);
  removeRemains(context, generation);
  const around = surroundings(context, generation);
  try {
    // 1 and 2 beside the plan: neither needs the other, and asking the driver what it can do takes as long as they do.
    const [holder, plan] = await settleAll(createHolder(around, choice.idMap), makePlan(context, choice));
    log.debug(`plan: ${JSON.stringify(plan)}`);
    await build(context, generation, plan, { holder, since: new Date().toISOString(), created: true });
  } catch (cause) {
    await removeNamespace(state, env).catch((error: unknown) => log.error(String(error)));
    throw cause;
  }
}

async function mend(
  context: Context,
  found: Components,
  member: ProcessId,
  record: Record | undefined,
  requested: string,
): Promise<void> {
  const { log } = context;
  // Its commands hold the FIFO of their generation, so that is the one to go on with.
  const known = found.generation ?? record?.generation;
  if (known !== undefined && !existsSync(context.state.lease(known))) {
    return replaceAll(context, found, member, record, requested);
  }
  const generation = known ?? requested;
  log.info(`mending ${context.state.path}: ${describe(found)}`);
  const plan = record?.plan ?? (await makePlan(context, await chooseParts(context)));
  const around = surroundings(context, generation);
  const hasM0 = found.holder !== undefined || found.supervisor !== undefined;
  const holder = found.holder ?? (await adoptHolder(around, member, hasM0));
  // Without M0 the namespace's file is gone, and pasta, which watches it, is ending: too late to adopt it.
  if (!hasM0 && found.driver !== undefined) killProcess(found.driver);
  await build(context, generation, plan, {
    ...found,
    driver: hasM0 ? found.driver : undefined,
    holder,
    member: found.keeper ?? member,
    since: record?.since ?? new Date().toISOString(),
    created: false,
  });
  removeOtherLeases(context, generation);
}

/**
 * Somebody removed the state (systemd-tmpfiles(8) does, from /tmp): what runs waits on files that nobody can open any
 * more. The namespace and its commands stay, all of ours is replaced.
 */
async function replaceAll(
  context: Context,
  found: Components,
  member: ProcessId,
  record: Record | undefined,
  generation: string,
): Promise<void> {
  context.log.warn(`the state of ${context.state.path} was removed; replacing all that held it`);
  const plan = record?.plan ?? (await makePlan(context, await chooseParts(context)));
  const around = surroundings(context, generation);
  const hasM0 = found.holder !== undefined || found.supervisor !== undefined;
  const holder = await adoptHolder(around, member, hasM0);
  const inside = found.keeper ?? identifyProcess(processesInNetns(record?.netnsInode ?? 0)[0] ?? 0);
  await ensureNetns(around, holder, inside);
  for (const old of [found.supervisor, found.holder, found.keeper, found.driver]) {
    if (old !== undefined) killProcess(old);
  }
  const since = record?.since ?? new Date().toISOString();
  await build(context, generation, plan, { holder, since, created: false });
}

interface Parts extends Partial<Components> {
  holder: ProcessId;
  /** A process in the network namespace, if any is known. */
  member?: ProcessId;
  since: string;
  created: boolean;
}

/** Steps 2 to 6. */
async function build(context: Context, generation: string, plan: Plan, parts: Parts): Promise<void> {
  const { state, config, log } = context;
  const { holder, created } = parts;
  if (!existsSync('/sys/fs/selinux/enforce')) log.debug('no SELinux here: the new /run is not relabelled');
  const around = surroundings(context, generation);
  await ensureNetns(around, holder, parts.member); // 2
  writeInPlace(state.resolvConf, readOptional(state.resolvConf) ?? '');
  const [supervisor, keeper] = await settleAll(
    ensureSupervisor(context, around, plan, parts), // 3
    ensureKeeper(context, around, plan, parts), // 4
  );
  recordResolvConfTarget(context, plan, keeper);

  // 5. Read by way of a process inside: /proc/net of our own says nothing about another namespace.
  const proc = (file: string) => readFileSync(`/proc/${keeper.pid}/net/${file}`, 'latin1');
  const addresses = parseProcAddresses(
    proc('fib_trie'),
    optional(() => proc('if_inet6')),
  );
  const { dnsForward, mapGuest } = plan.driver;
  // Without an address yet the host is offline; the driver will serve where it said it would.
  const served = (ips: readonly string[]) => (addresses.length === 0 ? [...ips] : ofFamiliesIn(ips, addresses));
  if (created || readOptional(state.resolvConf) === '') {
    writeInPlace(state.resolvConf, resolvConfOf(config, served(dnsForward), addresses));
  }
  writeInfo(state, { addresses, dnsForwardIps: served(dnsForward), mapGuestIps: served(mapGuest) });
  const netnsInode = namespaceInode(keeper.pid, 'net');
  if (netnsInode === undefined) throw new RnetnsError('ERR_NETNS', `the keeper of ${state.path} ended at once`);
  writeRecord(state, { version: 1, generation, bootId: bootId(), since: parts.since, netnsInode, plan });

  writeAtomic(state.live, formatLive({ generation, bootId: bootId(), holder, supervisor, keeper })); // 6
}

async function ensureKeeper(
  { state, log }: Context,
  around: Surroundings,
  { mounts, resolvConf }: Plan,
  { holder, keeper }: Parts,
): Promise<ProcessId> {
  if (keeper !== undefined) {
    if (resolvConf.mountTarget === null || showsResolvConf(state, keeper, resolvConf.mountTarget)) return keeper;
    // Commands that run have mounts of their own, and don't need this one.
    log.info(`replacing the keeper (pid ${keeper.pid}): the host has replaced ${resolvConf.mountTarget}`);
    killProcess(keeper);
  }
  return startKeeper(around, holder, mounts);
}

/** Only what is true now: the launcher has everything mended as long as this isn't. */
function recordResolvConfTarget({ state }: Context, { resolvConf }: Plan, keeper: ProcessId): void {
  const { mountTarget } = resolvConf;
  if (mountTarget !== null && showsResolvConf(state, keeper, mountTarget)) {
    writeAtomic(state.resolvConfTarget, `${mountTarget}\n`);
  } else rmSync(state.resolvConfTarget, { force: true });
}

async function ensureSupervisor(
  { state, log }: Context,
  around: Surroundings,
  { driver }: Plan,
  { holder, supervisor, driver: orphan, created }: Parts,
): Promise<ProcessId | undefined> {
  if (driver.path === null) return undefined;
  if (supervisor !== undefined) {
    await driverSettled(state);
    return supervisor;
  }
  if (orphan !== undefined) log.info(`adopting ${driver.name} (pid ${orphan.pid}), whose supervisor died`);
  const attempts = created ? CREATE_ATTEMPTS : MEND_ATTEMPTS;
  return startSupervisor(around, holder, driver, { attempts, persist: !created || !isOnline(), adopt: orphan });
}

/** The driver of a namespace that was just torn down may still be letting go of its ports. */
const CREATE_ATTEMPTS = 2;
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

/** Both, and neither is left running unobserved when the other fails. */
async function settleAll<A, B>(first: Promise<A> | A, second: Promise<B> | B): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === 'rejected') throw a.reason;
  if (b.status === 'rejected') throw b.reason;
  return [a.value, b.value];
}

function surroundings({ state, config, env, log }: Context, generation: string): Surroundings {
  return { state, generation, lingerSeconds: config.rnetns.lingerSeconds, env, warn: (message) => log.warn(message) };
}

function describe(found: Components): string {
  const names = ['holder', 'supervisor', 'keeper', 'driver'] as const;
  return names
    .map((name) => `${name} ${found[name] === undefined ? 'is dead' : `lives (${found[name].pid})`}`)
    .join(', ');
}

/** Files of a namespace that is gone: killed without a chance, or left by another boot. Durable references stay. */
function removeRemains({ state }: Context, generation: string): void {
  const kept = new Set([`lease.${generation}`, `holder.${generation}`, 'lock-owner', 'references', 'ref-count']);
  for (const entry of readdirSync(state.path)) {
    if (!kept.has(entry)) removeEntry(join(state.path, entry));
  }
}

function removeOtherLeases({ state }: Context, generation: string): void {
  for (const entry of readdirSync(state.path)) {
    const [kind, of] = [entry.slice(0, entry.indexOf('.')), entry.slice(entry.indexOf('.') + 1)];
    if ((kind === 'lease' || kind === 'holder') && of !== generation) removeEntry(join(state.path, entry));
  }
}

function removeEntry(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Made by another id of the user namespace, below run/ or var/: of no use to the new namespace, and in nobody's way.
  }
}

/** The same inode, because it is what commands have mounted: they would never see a renamed file. */
function writeInPlace(path: string, text: string): void {
  try {
    // A directory or a link of that name is nobody's but an accident's.
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === false) rmSync(path, { recursive: true });
    writeFileSync(path, text, { mode: 0o644 });
  } catch (cause) {
    throw writeError(path, cause);
  }
}

function optional(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
