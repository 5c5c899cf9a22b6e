/**
 * STATUS: could a container be added to the network now?
 *
 * @see SPEC.md section 2, https://github.com/containernetworking/cni/blob/main/SPEC.md#status-check-plugin-status
 * @see GetStatusNetworkList, https://github.com/containernetworking/cni/blob/main/libcni/api.go
 */

import { agreeOnVersion, callPlugin, type Cni } from './chain.js';
import { composeStatusRequest } from './compose.js';
import type { NetworkList } from './network-conf.js';
import { atLeast } from './version.js';

/**
 * Ask every plugin, first to last; before 1.1.0 there is nobody to ask, and that is success.
 *
 * @throws CniError of the first plugin that isn't ready: unavailable or limitedConnectivity, mostly.
 */
export async function statusOfNetwork(cni: Cni, list: NetworkList): Promise<void> {
  const version = await agreeOnVersion(cni, list);
  if (!atLeast(version, '1.1.0')) return;
  for (const plugin of list.plugins) {
    const request = composeStatusRequest(list.name, version, plugin);
    await callPlugin(cni, 'STATUS', plugin, request, `the status of network ${list.name}`);
  }
}
