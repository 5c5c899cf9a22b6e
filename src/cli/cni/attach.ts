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
import { statusOfNetwork } from '../../cni/status.js';
import { ID, readReferences } from '../../state/references.js';
import { callLauncher } from '../call-launcher.js';
import type { CliContext } from '../context.js';
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
}

/** Put the container on the network. Its id becomes a reference that counts for each of its attachments. */
export async function attach(context: CniContext, list: NetworkList, options: AttachOptions): Promise<WrittenResult> {
  checkNames('adding', list.name, options);
  const attachment = attachmentOf(context, options);
  await removeUnfinished(context, list, attachment);
  const nets = others(context, list.name, attachment).length + 1;
  const reference = ['--id', attachment.containerId, '--nets', String(nets)];
  const { netns } = attachment;
  try {
    return await inSession(context, { verb: 'setup', options: reference, netns }, (cni) =>
      addNetwork(cni, list, attachment),
    );
  } catch (cause) {
    // But for a bridge that it made, it is undone. Why it failed matters more than what becomes of that.
    await removeUnfinished(context, list, attachment, ({ unfinished }) => unfinished?.undone === true).catch(
      () => undefined,
    );
    throw cause;
  }
}

/**
 * Remove what is left of an ADD of this container to this network that has failed, or was killed: nobody else is at work then,
 * so it isn't one that is still on its way.
 */
async function removeUnfinished(
  context: CniContext,
  list: NetworkList,
  { containerId }: Attachment,
  concerns: (left: CachedAttachment) => boolean = () => true,
): Promise<void> {
  const isLeft = (other: CachedAttachment) =>
    other.network === list.name && other.containerId === containerId && other.unfinished && concerns(other);
  if (!attachments(context).some(isLeft)) return;
  await inSession({ ...context, interruption: undefined }, { verb: 'run', exclusive: true }, async (cni) => {
    for (const left of cni.cache.list().filter(isLeft)) await delNetwork(cni, list.name, left, list);
  });
}

export interface DetachOptions extends AttachOptions {
  /** Whatever plugins say. */
  force?: boolean | undefined;
}

/**
 * Take it off again; with its last attachment goes the reference. What isn't attached is no error, and no plugin is asked: it
 * would delete whatever interface has that name.
 */
export async function detach(
  context: CniContext,
  network: string,
  options: DetachOptions,
  today: Today,
): Promise<void> {
  checkNames('deleting', network, options);
  const attachment = attachmentOf(context, options);
  const { containerId, ifName } = attachment;
  const left = others(context, network, attachment).length;
  const known = cacheOf(context).find(network, attachment);
  if (known === undefined) {
    context.log.info(`nothing to delete: ${ifName} of ${containerId} is not on network ${network}`);
    // A del that was killed may have left that.
    const { verb, options: reference = [] } = referenceFor(context, containerId, left);
    if (verb === 'teardown') await callLauncher(context, `dropping the reference ${containerId}`, [verb, ...reference]);
    return;
  }
  const session = { ...referenceFor(context, containerId, left), exclusive: known.unfinished !== undefined };
  const { force = false } = options;
  try {
    await inSession(context, session, (cni) => delNetwork(cni, network, attachment, today, { force }));
  } catch (cause) {
    // Where no plugin can be asked, for the namespace can't be entered or mended, its records are all that is left.
    if (!force || !(cause instanceof RnetnsError) || cause instanceof CniError) throw cause;
    context.log.warn(cause.message);
    cacheOf(context).remove(network, attachment);
    const { verb, options: reference = [] } = session;
    if (verb !== 'run') await callLauncher(context, `counting the networks of ${containerId}`, [verb, ...reference]);
  }
}

/** What makes the reference of a container count for the attachments that are left; one that there isn't is not made. */
function referenceFor({ state }: CniContext, containerId: string, left: number): Session {
  const id = ['--id', containerId];
  if (left === 0) return { verb: 'teardown', options: id };
  const counted = readReferences(state).list.some((reference) => reference.id === containerId);
  return counted ? { verb: 'setup', options: [...id, '--nets', String(left)] } : { verb: 'run' };
}

/** Is it as it was put there? Arguments and capabilities are those of then. */
export async function check(
  context: CniContext,
  network: string,
  options: Pick<AttachOptions, 'containerId' | 'ifName' | 'netns'>,
  today: Today,
): Promise<void> {
  checkNames('checking', network, options);
  const { containerId, ifName } = options;
  const netns = options.netns === '' ? '' : context.state.netnsPath(options.netns);
  return inSession(context, { verb: 'run', netns }, (cni) =>
    checkNetwork(cni, network, { containerId, ifName, netns }, today),
  );
}

export function networkStatus(context: CniContext, list: NetworkList): Promise<void> {
  return inSession(context, { verb: 'run' }, (cni) => statusOfNetwork(cni, list));
}

/** Delete every attachment of the network whose container has no reference: an ADD that was killed never got one. */
export function collectGarbage(context: CniContext, list: NetworkList): Promise<void> {
  return inSession(context, { verb: 'run', exclusive: true }, (cni) => {
    const owners = new Set(readReferences(context.state).list.map(({ id }) => id));
    const valid = cni.cache
      .list()
      .filter((one) => one.network === list.name && owners.has(one.containerId) && one.unfinished === undefined);
    return gcNetwork(cni, list, valid);
  });
}

/**
 * Delete every attachment of the network that the runtime doesn't name, and what its container's reference counted for it:
 * after GC, a runtime calls no DEL for it.
 */
export async function deleteAllBut(
  context: CniContext,
  list: NetworkList,
  valid: readonly AttachmentId[],
): Promise<void> {
  const before = attachments(context);
  try {
    await inSession(context, { verb: 'run', exclusive: true }, (cni) => gcNetwork(cni, list, valid));
  } finally {
    const after = attachments(context);
    for (const containerId of new Set(before.map((attachment) => attachment.containerId))) {
      const [had, has = 0] = [before, after].map((all) => all.filter((one) => one.containerId === containerId).length);
      if (had === has) continue;
      const { verb, options = [] } = referenceFor(context, containerId, has);
      if (verb !== 'run') await callLauncher(context, `counting the networks of ${containerId}`, [verb, ...options]);
    }
  }
}

/** All attachments that the namespace knows; none of one that is down. */
export function attachments(context: Pick<CliContext, 'state'>): CachedAttachment[] {
  return cacheOf(context).list();
}

function cacheOf({ state }: Pick<CliContext, 'state'>): AttachmentCache {
  return new AttachmentCache(join(state.path, 'var/lib/cni'));
}

/** What an ADD has left that didn't come to its end was never counted. */
function others(context: CniContext, network: string, { containerId, ifName }: Attachment): CachedAttachment[] {
  return attachments(context).filter(
    (other) =>
      other.containerId === containerId &&
      other.unfinished === undefined &&
      !(other.network === network && other.ifName === ifName),
  );
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

/** Before a namespace is made for them, and before the launcher refuses an id as that of a `setup` that nobody called. */
function checkNames(
  act: keyof typeof PREPOSITIONS,
  network: string,
  { containerId, ifName }: Pick<AttachOptions, 'containerId' | 'ifName'>,
): void {
  try {
    checkNetworkName(network);
    checkContainerId(containerId);
    checkReferenceId(containerId);
    checkIfName(ifName);
  } catch (cause) {
    if (!(cause instanceof CniError)) throw cause;
    throw cause.during(`${act} ${ifName} of ${containerId} ${PREPOSITIONS[act]} network ${network} failed`);
  }
}

/** CNI sets no limit to the length of an id; as it becomes that of a reference, it has one here. */
function checkReferenceId(containerId: string): void {
  if (ID.test(containerId)) return;
  throw new CniError(CNI_CODE.badEnvironment, `containerID is too long: ${containerId.length} characters`, {
    hint: 'it becomes the id of a reference, which has up to 128; choose a shorter one',
  });
}
