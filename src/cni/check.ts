/**
 * CHECK: is a container on its network as it was put there?
 *
 * @see SPEC.md section 3, https://github.com/containernetworking/cni/blob/main/SPEC.md#checking-an-attachment
 * @see CheckNetworkList, https://github.com/containernetworking/cni/blob/main/libcni/api.go
 */

import { attachedList, attachedResult, type Today } from './attached.js';
import type { CachedAttachment } from './cache.js';
import { agreeOnVersion, callPlugin, type Cni } from './chain.js';
import { type AttachmentId, composeRequestFor, PORT_MAPPINGS } from './compose.js';
import { CNI_CODE, CniError } from './error.js';
import { checkContainerId, checkIfName, checkNetnsPath, checkNetworkName } from './names.js';
import type { PluginConf } from './network-conf.js';
import { atLeast } from './version.js';

/** An attachment to be checked. The specification has it the same as at ADD in everything that is given. */
export interface CheckedAttachment extends AttachmentId {
  /** Path of its network namespace; empty: the one that the cache knows. */
  readonly netns: string;
}

/**
 * Ask every plugin, first to last, with what ADD was done with.
 *
 * @param today - the network as its files are now: `disableCheck` counts in either.
 * @throws CniError of the first plugin that finds something wrong; incompatibleVersion: before 0.4.0 there was no
 *   CHECK; unknownContainer: it was never added; badNetns: in another namespace; decoding: the cache is damaged.
 */
export async function checkNetwork(cni: Cni, network: string, id: CheckedAttachment, today: Today): Promise<void> {
  const act = `checking ${id.ifName} of ${id.containerId} on network ${network}`;
  try {
    checkNetworkName(network);
    checkContainerId(id.containerId);
    checkIfName(id.ifName);
    checkNetnsPath(id.netns);
    const cached = cni.cache.read(network, id);
    const list = attachedList(cni, cached, today);
    const version = await agreeOnVersion(cni, list);
    if (!atLeast(version, '0.4.0')) {
      const msg = `configuration version "${version}" does not support the CHECK command`;
      throw new CniError(CNI_CODE.incompatibleVersion, msg);
    }
    if (list.disableCheck || (!(today instanceof CniError) && today.disableCheck)) return;
    if (cached === undefined) throw new CniError(CNI_CODE.unknownContainer, 'it was never added');
    if (cached.unfinished !== undefined) {
      throw new CniError(CNI_CODE.unknownContainer, 'its add has not come to an end', {
        hint: 'add it again: what is left of that add is removed first',
      });
    }
    const attachment = { ...cached, netns: agreedNetns(cni, id.netns, cached) };
    const result = attachedResult(cached, version, attachment.netns);
    for (const plugin of list.plugins) {
      const request = composeRequestFor(list.name, version, plugin, attachment, result);
      try {
        await callPlugin(cni, 'CHECK', plugin, request, act, attachment);
      } catch (cause) {
        throw cause instanceof CniError ? cause.advise(knownFault(plugin, attachment)) : cause;
      }
    }
  } catch (cause) {
    throw cause instanceof CniError && cause.context === undefined ? cause.during(`${act} failed`) : cause;
  }
}

/**
 * Plugins are asked about the namespace of ADD, so another one that is given would never be looked at.
 *
 * By any path that leads to it; what libcni has written tells only the path, and before 1.2 not even that.
 */
function agreedNetns(cni: Cni, given: string, cached: CachedAttachment): string {
  if (given === '') return cached.netns;
  cni.checkNetns(given);
  const isSame = cached.inode === undefined ? cached.netns === given : cached.inode === cni.netnsInode(given);
  if (cached.netns === '' || isSame) return given;
  throw new CniError(CNI_CODE.badNetns, `it was added in ${cached.netns}, not in ${given}`, {
    hint: 'give the network namespace that it was added in, or none',
  });
}

/**
 * portmap before 1.3.0, as in Debian 12 and 13, looks for the rules of IPv4 in ip6tables as well. Debian's doesn't tell its
 * version, so this is what may be, and no verdict.
 *
 * @see https://github.com/containernetworking/plugins/issues/819
 */
function knownFault({ type, capabilities }: PluginConf, { capabilityArgs }: CachedAttachment): string | undefined {
  const publishes = capabilities.includes(PORT_MAPPINGS) && Object.hasOwn(capabilityArgs, PORT_MAPPINGS);
  if (type !== 'portmap' || !publishes) return undefined;
  return 'portmap before 1.3.0 fails so with every published port: install newer plugins, or set "disableCheck": true in the list';
}
