import { join } from 'node:path';
import { addNetwork } from '../../cni/add.js';
import { parseArgs } from '../../cni/args.js';
import { AttachmentCache, type CachedAttachment } from '../../cni/cache.js';
import { checkNetwork } from '../../cni/check.js';
import type { Attachment } from '../../cni/compose.js';
import type { WrittenResult } from '../../cni/convert.js';
import { delNetwork } from '../../cni/del.js';
import { gcNetwork } from '../../cni/gc.js';
import type { JsonObject } from '../../state/json.js';
import type { NetworkList } from '../../cni/network-conf.js';
import { statusOfNetwork } from '../../cni/status.js';
import { readReferences } from '../../state/references.js';
import type { CliContext } from '../context.js';
import { inSession, type CniContext } from './session.js';

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
export function attach(context: CniContext, list: NetworkList, options: AttachOptions): Promise<WrittenResult> {
  const attachment = attachmentOf(context, options);
  const nets = others(context, list.name, attachment).length + 1;
  const reference = ['--id', attachment.containerId, '--nets', String(nets)];
  const { netns } = attachment;
  return inSession(context, { verb: 'setup', options: reference, netns }, (cni) => addNetwork(cni, list, attachment));
}

/** Take it off again; with its last attachment goes the reference. What isn't attached is no error. */
export function detach(
  context: CniContext,
  network: string,
  options: AttachOptions,
  today: NetworkList | undefined,
): Promise<void> {
  const attachment = attachmentOf(context, options);
  const left = others(context, network, attachment).length;
  const id = ['--id', attachment.containerId];
  const session =
    left === 0
      ? { verb: 'teardown' as const, options: id }
      : { verb: 'setup' as const, options: [...id, '--nets', String(left)] };
  return inSession(context, session, (cni) => delNetwork(cni, network, attachment, today));
}

export function check(
  context: CniContext,
  network: string,
  options: AttachOptions,
  today: NetworkList | undefined,
): Promise<void> {
  const { containerId, ifName } = options;
  return inSession(context, { verb: 'run' }, (cni) => checkNetwork(cni, network, { containerId, ifName }, today));
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
      .filter(({ network, containerId }) => network === list.name && owners.has(containerId));
    return gcNetwork(cni, list, valid);
  });
}

/** All attachments that the namespace knows; none of one that is down. */
export function attachments({ state }: Pick<CliContext, 'state'>): CachedAttachment[] {
  return new AttachmentCache(join(state.path, 'var/lib/cni')).list();
}

function others(context: CniContext, network: string, { containerId, ifName }: Attachment): CachedAttachment[] {
  return attachments(context).filter(
    (other) => other.containerId === containerId && !(other.network === network && other.ifName === ifName),
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
