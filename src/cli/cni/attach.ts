import { join } from 'node:path';
import { addNetwork } from '../../cni/add.js';
import { parseArgs } from '../../cni/args.js';
import type { Today } from '../../cni/attached.js';
import { AttachmentCache, type CachedAttachment } from '../../cni/cache.js';
import { checkNetwork } from '../../cni/check.js';
import type { Attachment, AttachmentId } from '../../cni/compose.js';
import type { WrittenResult } from '../../cni/convert.js';
import { delNetwork } from '../../cni/del.js';
import { CNI_CODE, CniError } from '../../cni/error.js';
import { gcNetwork } from '../../cni/gc.js';
import { checkContainerId, checkIfName, checkNetworkName } from '../../cni/names.js';
import { RnetnsError } from '../../errors/error.js';
import type { JsonObject } from '../../state/json.js';
import type { NetworkList } from '../../cni/network-conf.js';
import { checkContainerPorts, closeAttachmentPorts, publishContainerPorts } from '../../ports/container-ports.js';
import type { PortRequest } from '../../ports/specification.js';
import { statusOfNetwork } from '../../cni/status.js';
import { tryContainer, type ContainerLock } from '../../state/container-lock.js';
import {
  countLess,
  countMore,
  isCounted,
  readCounted,
  type CountChange,
  type Counted,
  type CountedNetwork,
} from '../../state/counted.js';
import { thisProcess } from '../../state/process.js';
import { ID } from '../../state/references.js';
import { callLauncher } from '../call-launcher.js';
import { withContainer, type CliContext } from '../context.js';
import { portMappings } from './port-mappings.js';
import { inSession, type CniContext, type Session } from './session.js';

/** What a container is attached with, as a caller gives it. */
export interface AttachOptions {
  containerId: string;
  /** Path of its network namespace, or the name of one of ours. */
  netns: string;
  ifName: string;
  /** `K=V;K=V` */
  args: string;
  capabilityArgs: JsonObject;
  /** To be opened on the host as well as those among the capabilities, which plugins see too. */
  ports?: readonly PortRequest[];
}

/** Put the container on the network. Its id becomes a reference that counts for each of its attachments. */
export async function attach(context: CniContext, list: NetworkList, options: AttachOptions): Promise<WrittenResult> {
  const act = checkNames('adding', list.name, options);
  const ports = inWords(act, () => [...portMappings(options.capabilityArgs), ...(options.ports ?? [])]);
  return withContainer(context, options.containerId, act, async (held) => {
    const attachment = attachmentOf(held, options);
    await removeUnfinished(held, list, attachment);
    const { containerId, ifName, netns } = attachment;
    const one: CountedNetwork = { by: 'cni', network: list.name, ifName };
    await openingPorts(act, () => checkContainerPorts(held.state, containerId, ports));
    const { verb, options: count, note } = countMore(held.state, containerId, [one], counted(held, containerId));
    try {
      return await inSession(held, { verb, options: count, netns }, async (cni) => {
        const result = await addNetwork(cni, list, attachment, (addresses) =>
          openingPorts(act, () => publish(held, containerId, one, addresses, ports)),
        );
        note();
        return result;
      });
    } catch (cause) {
      // But for a bridge that it made, it is undone. Why it failed matters more than what becomes of that.
      await removeUnfinished(held, list, attachment, ({ unfinished }) => unfinished?.undone === true).catch(
        () => undefined,
      );
      throw cause;
    }
  });
}

/** They are open when this returns, and go with what is about to be counted. */
async function publish(
  { state, env, log }: CniContext,
  container: string,
  one: CountedNetwork,
  addresses: readonly string[],
  ports: readonly PortRequest[],
): Promise<void> {
  const owner = { kind: 'attachment', container, process: thisProcess(), ...one } as const;
  const around = { state, env, warn: (message: string) => log.warn(message) };
  await publishContainerPorts(
    around,
    container,
    addresses.map((ip) => ({ owner, ip })),
    ports,
  );
}

/** A port that can't be had fails as a plugin for it would. */
async function openingPorts(act: string, open: () => Promise<void>): Promise<void> {
  try {
    await open();
  } catch (cause) {
    if (!(cause instanceof RnetnsError) || cause instanceof CniError) throw cause;
    const { message, hint } = cause;
    throw new CniError(CNI_CODE.io, message, { context: `${act} failed`, hint, cause });
  }
}

/**
 * Remove what is left of an ADD of this container to this network that has failed, or was killed. Nobody else is at work
 * then, for a bridge may be another one's as well.
 */
async function removeUnfinished(
  context: CniContext,
  list: NetworkList,
  attachment: Attachment,
  concerns: (left: CachedAttachment) => boolean = () => true,
): Promise<void> {
  const isLeft = (other: CachedAttachment) =>
    other.network === list.name && other.containerId === attachment.containerId && other.unfinished && concerns(other);
  // By its name as well, for a damaged one is in no list.
  const leftIn = (cache: AttachmentCache) =>
    [...cache.list(), cache.find(list.name, attachment)].filter((other) => other !== undefined).filter(isLeft);
  if (leftIn(cacheOf(context)).length === 0) return;
  const session: Session = { verb: 'beside', exclusive: true, netns: attachment.netns };
  await inSession({ ...context, interruption: undefined }, session, async (cni) => {
    for (const left of leftIn(cni.cache)) await delNetwork(cni, list.name, left, list);
  });
}

export interface DetachOptions extends AttachOptions {
  /** Whatever plugins say. */
  force?: boolean | undefined;
}

/**
 * Take it off again; with the last that is counted of it goes the reference. What isn't attached is no error, and no plugin is
 * asked: it would delete whatever interface has that name.
 */
export async function detach(
  context: CniContext,
  network: string,
  options: DetachOptions,
  today: Today,
): Promise<void> {
  const act = checkNames('deleting', network, options);
  return withContainer(context, options.containerId, act, async (held) => {
    const attachment = attachmentOf(held, options);
    const { containerId, ifName } = attachment;
    const one: CountedNetwork = { by: 'cni', network, ifName };
    const change = countLess(held.state, containerId, [one], counted(held, containerId));
    const known = cacheOf(held).find(network, attachment);
    if (known === undefined) {
      held.log.info(`nothing to delete: ${ifName} of ${containerId} is not on network ${network}`);
      // A del that was killed may have left that, or a namespace that is lost.
      await changeCount(held, containerId, change);
      return;
    }
    const { force = false, netns } = options;
    const session: Session = {
      verb: change.verb,
      options: change.options,
      exclusive: known.unfinished !== undefined,
      // Only out here can we find out whether that of ADD is still there for our caller.
      netns: netns === '' ? known.netns : attachment.netns,
    };
    try {
      await inSession(held, session, async (cni) => {
        await delNetwork(cni, network, attachment, today, { force });
        change.note();
      });
    } catch (cause) {
      // Where no plugin can be asked, for the namespace can't be entered or mended, its records are all that is left.
      if (!force || !(cause instanceof RnetnsError) || cause instanceof CniError) throw cause;
      held.log.warn(cause.message);
      await closeAttachmentPorts(held.state, { container: containerId, network, ifName });
      cacheOf(held).remove(network, attachment);
      await changeCount(held, containerId, change);
    }
  });
}

/** Drop what is counted of the container for attachments that are lost, as with the processes of the namespace that had them. */
export async function forgetLost(context: CniContext, containerId: string): Promise<void> {
  const known = counted(context, containerId);
  const there = attachmentsOf(context, containerId);
  const lost = known.networks.filter((one) => one.by === 'cni' && !isCounted(there, one));
  await changeCount(context, containerId, countLess(context.state, containerId, lost, known));
}

/** What is counted of a container; its lock is held. */
function counted(context: Pick<CliContext, 'state'>, containerId: string): Counted {
  return readCounted(context.state, containerId, () => attachmentsOf(context, containerId));
}

function attachmentsOf(context: Pick<CliContext, 'state'>, containerId: string): CountedNetwork[] {
  return attachments(context)
    .filter((one) => one.containerId === containerId && one.unfinished === undefined)
    .map(({ network, ifName }) => ({ by: 'cni', network, ifName }));
}

async function changeCount(context: CliContext, containerId: string, change: CountChange): Promise<void> {
  if (change.verb === 'beside') return;
  change.note();
  await callLauncher(context, `counting the networks of ${containerId}`, [change.verb, ...change.options]);
}

/** Is it as it was put there? Arguments and capabilities are those of then. */
export async function check(
  context: CniContext,
  network: string,
  options: Pick<AttachOptions, 'containerId' | 'ifName' | 'netns'>,
  today: Today,
): Promise<void> {
  const act = checkNames('checking', network, options);
  const { containerId, ifName } = options;
  const netns = options.netns === '' ? '' : context.state.netnsPath(options.netns);
  return withContainer(context, containerId, act, (held) =>
    inSession(held, { verb: 'beside', netns: netns || cachedNetns(held, network, options) }, (cni) =>
      checkNetwork(cni, network, { containerId, ifName, netns }, today),
    ),
  );
}

export function networkStatus(context: CniContext, list: NetworkList): Promise<void> {
  return inSession(context, { verb: 'beside' }, (cni) => statusOfNetwork(cni, list));
}

/** Delete every attachment of the network that nobody counts: an ADD that was killed never got that far. */
export function collectGarbage(context: CniContext, list: NetworkList): Promise<void> {
  return deleteUnless(context, list, (attachment) => {
    const { total, networks } = counted(context, attachment.containerId);
    // More than we know of is another one's, who may have attached it, as cnitool does.
    if (attachment.unfinished !== undefined) return false;
    return total > networks.length || isCounted(networks, { by: 'cni', ...attachment });
  });
}

/**
 * Delete every attachment of the network that the runtime doesn't name, and what its container's reference counted for it:
 * after GC, a runtime calls no DEL for it.
 */
export function deleteAllBut(context: CniContext, list: NetworkList, valid: readonly AttachmentId[]): Promise<void> {
  return deleteUnless(context, list, ({ containerId, ifName }) =>
    valid.some((one) => one.containerId === containerId && one.ifName === ifName),
  );
}

/**
 * Garbage collection. A container that another call is at work on is none, whatever is known of it: an ADD counts only when it has
 * let go of cni.lock. That call is not waited for, as it may wait for us.
 */
async function deleteUnless(
  context: CniContext,
  list: NetworkList,
  isOwned: (attachment: CachedAttachment) => boolean,
): Promise<void> {
  const locks = new Map<string, ContainerLock | undefined>();
  const lock = async (containerId: string): Promise<ContainerLock | undefined> => {
    if (!locks.has(containerId)) {
      locks.set(containerId, await tryContainer(context.state, containerId, `garbage collection of ${list.name}`));
    }
    return locks.get(containerId);
  };
  const before: CachedAttachment[] = [];
  try {
    await inSession(context, { verb: 'beside', exclusive: true }, async (cni) => {
      const valid: CachedAttachment[] = [];
      for (const attachment of cni.cache.list().filter(({ network }) => network === list.name)) {
        // Looked at with its lock, or not at all.
        const isFree = (await lock(attachment.containerId)) !== undefined;
        (isFree && !isOwned(attachment) ? before : valid).push(attachment);
      }
      await gcNetwork(cni, list, valid);
    });
  } finally {
    for (const [containerId, held] of locks) {
      const own = before.filter((one) => one.containerId === containerId);
      if (own.length > 0) await dropDeleted(context, containerId, own);
      held?.release();
    }
  }
}

/** What the reference counted for those that are gone. */
async function dropDeleted(
  context: CniContext,
  containerId: string,
  before: readonly CachedAttachment[],
): Promise<void> {
  const there = attachmentsOf(context, containerId);
  const deleted = before
    .map(({ network, ifName }): CountedNetwork => ({ by: 'cni', network, ifName }))
    .filter((one) => !isCounted(there, one));
  const known = readCounted(context.state, containerId, () => [...there, ...deleted]);
  await changeCount(context, containerId, countLess(context.state, containerId, deleted, known));
}

/** All attachments that the namespace knows; none of one that is down. */
export function attachments(context: Pick<CliContext, 'state'>): CachedAttachment[] {
  return cacheOf(context).list();
}

function cacheOf({ state }: Pick<CliContext, 'state'>): AttachmentCache {
  return new AttachmentCache(join(state.path, 'var/lib/cni'));
}

/** Where it was added. */
function cachedNetns(context: CniContext, network: string, { containerId, ifName }: AttachmentId): string {
  const one = attachments(context).find(
    (other) => other.network === network && other.containerId === containerId && other.ifName === ifName,
  );
  return one?.netns ?? '';
}

function attachmentOf(
  { state }: CniContext,
  { containerId, netns, ifName, args, capabilityArgs }: AttachOptions,
): Attachment {
  // DEL and CHECK may leave it to the cache.
  return {
    containerId,
    netns: netns === '' ? '' : state.netnsPath(netns),
    ifName,
    args: parseArgs(args),
    capabilityArgs,
  };
}

const PREPOSITIONS = { adding: 'to', deleting: 'from', checking: 'on' } as const;

/**
 * Before a namespace is made for them, and before the launcher refuses an id as that of a `setup` that nobody called.
 *
 * @returns the act in words.
 */
function checkNames(
  act: keyof typeof PREPOSITIONS,
  network: string,
  { containerId, ifName }: Pick<AttachOptions, 'containerId' | 'ifName'>,
): string {
  const words = `${act} ${ifName} of ${containerId} ${PREPOSITIONS[act]} network ${network}`;
  inWords(words, () => {
    checkNetworkName(network);
    checkContainerId(containerId);
    checkReferenceId(containerId);
    checkIfName(ifName);
  });
  return words;
}

/** @throws CniError of `check`, with the act that it is about. */
function inWords<T>(act: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    throw cause instanceof CniError ? cause.during(`${act} failed`) : cause;
  }
}

/** CNI sets no limit to the length of an id; as it becomes that of a reference, it has one here. */
function checkReferenceId(containerId: string): void {
  if (ID.test(containerId)) return;
  throw new CniError(CNI_CODE.badEnvironment, `containerID is too long: ${containerId.length} characters`, {
    hint: 'it becomes the id of a reference, which has up to 128; choose a shorter one',
  });
}
