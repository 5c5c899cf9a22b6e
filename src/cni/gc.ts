/**
 * GC: free what attachments left behind that nobody uses any more.
 *
 * @see SPEC.md section 3, https://github.com/containernetworking/cni/blob/main/SPEC.md#garbage-collecting-a-network
 * @see GCNetworkList, https://github.com/containernetworking/cni/blob/main/libcni/api.go
 */

import { agreeOnVersion, callPlugin, type Cni, failureOf, throwAll } from './chain.js';
import { type AttachmentId, composeGcRequest } from './compose.js';
import { delNetwork } from './del.js';
import type { CniError } from './error.js';
import type { NetworkList } from './network-conf.js';
import { atLeast } from './version.js';

/**
 * DEL every attachment of the network that the cache knows and that isn't in use, then, from 1.1.0 on, tell the plugins
 * which ones are. The caller keeps ADD and DEL away meanwhile.
 *
 * @param valid - all attachments of this network that are in use: what is not among them is deleted.
 * @throws CniError all failures as one; none of them stops the others.
 */
export async function gcNetwork(cni: Cni, list: NetworkList, valid: readonly AttachmentId[]): Promise<void> {
  if (list.disableGc) return;
  const errors: CniError[] = [];
  const inUse = new Set(valid.map(({ containerId, ifName }) => `${containerId}/${ifName}`));
  for (const cached of cni.cache.list()) {
    if (cached.network !== list.name || inUse.has(`${cached.containerId}/${cached.ifName}`)) continue;
    errors.push(...(await failureOf(() => delNetwork(cni, list.name, cached, list))));
  }
  errors.push(...(await failureOf(() => tellPlugins(cni, list, valid, errors))));
  throwAll(errors);
}

async function tellPlugins(
  cni: Cni,
  list: NetworkList,
  valid: readonly AttachmentId[],
  errors: CniError[],
): Promise<void> {
  const version = await agreeOnVersion(cni, list, true);
  if (!atLeast(version, '1.1.0')) return;
  for (const plugin of list.plugins) {
    const request = composeGcRequest(list.name, version, plugin, valid);
    const act = `garbage collection of network ${list.name}`;
    errors.push(...(await failureOf(() => callPlugin(cni, 'GC', plugin, request, act))));
  }
}
