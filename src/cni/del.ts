/**
 * DEL: take a container off a network, as often as one likes, and go on after failures: each plugin frees what it can.
 *
 * libcni stops at the first failure, so that one broken plugin keeps the others' addresses and rules for ever.
 *
 * @see SPEC.md section 3, https://github.com/containernetworking/cni/blob/main/SPEC.md#deleting-an-attachment
 * @see DelNetworkList, https://github.com/containernetworking/cni/blob/main/libcni/api.go
 */

import { tolerantArgs } from './args.js';
import { attachedList, attachedResult, type Today } from './attached.js';
import type { CachedAttachment } from './cache.js';
import { agreeOnVersion, callPlugin, type Cni, failureOf, throwAll } from './chain.js';
import { type Attachment, composeDelRequest } from './compose.js';
import type { WrittenResult } from './convert.js';
import { CniError } from './error.js';
import { checkContainerId, checkIfName, checkNetnsPath, checkNetworkName } from './names.js';
import type { NetworkList } from './network-conf.js';
import type { CniVersion } from './version.js';

/**
 * Delete the attachment. What the cache knows of it (configuration, arguments, result) counts more than what is given.
 *
 * @param attachment - `netns` empty: the one that the cache knows; if that is gone, plugins free what is outside of it.
 * @param today - the network as its files are now; that they are gone is no obstacle after an ADD.
 * @throws CniError all failures as one; the attachment then stays in the cache, to be tried again.
 */
export async function delNetwork(cni: Cni, network: string, attachment: Attachment, today: Today): Promise<void> {
  const act = `deleting ${attachment.ifName} of ${attachment.containerId} from network ${network}`;
  try {
    checkNetworkName(network);
    checkContainerId(attachment.containerId);
    checkIfName(attachment.ifName);
    checkNetnsPath(attachment.netns);
    const cached = readCached(cni, network, attachment);
    const list = attachedList(cni, cached, today);
    const version = await agreeOnVersion(cni, list, true);
    throwAll(await deletePlugins(cni, list, version, restore(attachment, cached), readResult(cni, cached, version)));
    cni.cache.remove(network, attachment);
  } catch (cause) {
    throw cause instanceof CniError && cause.context === undefined ? cause.during(`${act} failed`) : cause;
  }
}

/**
 * DEL of all plugins of the list, last first.
 *
 * @returns what failed.
 */
export async function deletePlugins(
  cni: Cni,
  list: NetworkList,
  version: CniVersion,
  attachment: Attachment,
  prevResult: WrittenResult | undefined,
): Promise<CniError[]> {
  const act = `deleting ${attachment.ifName} of ${attachment.containerId} from network ${list.name}`;
  const errors: CniError[] = [];
  const tolerant = { ...attachment, args: tolerantArgs(attachment.args) };
  for (const plugin of list.plugins.toReversed()) {
    const request = composeDelRequest(list.name, version, plugin, attachment, prevResult);
    errors.push(...(await failureOf(() => callPlugin(cni, 'DEL', plugin, request, act, tolerant))));
  }
  return errors;
}

/** A damaged file is as good as none: it is replaced or removed in the end. */
function readCached(cni: Cni, network: string, attachment: Attachment): CachedAttachment | undefined {
  try {
    return cni.cache.read(network, attachment);
  } catch (cause) {
    if (!(cause instanceof CniError)) throw cause;
    cni.warn(cause.message);
    return undefined;
  }
}

function readResult(cni: Cni, cached: CachedAttachment | undefined, version: CniVersion): WrittenResult | undefined {
  try {
    return attachedResult(cached, version);
  } catch (cause) {
    if (!(cause instanceof CniError)) throw cause;
    cni.warn(`the cached result is not used: ${cause.message}`);
    return undefined;
  }
}

/** As it was added, in the namespace that the caller names, if any. */
function restore(attachment: Attachment, cached: CachedAttachment | undefined): Attachment {
  if (cached === undefined || cached.config === '') return attachment;
  const { args, capabilityArgs, netns } = cached;
  return { ...attachment, args, capabilityArgs, netns: attachment.netns === '' ? netns : attachment.netns };
}
