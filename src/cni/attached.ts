/**
 * What an attachment was added with, for the verbs that come after ADD. The network's files may have changed or gone
 * since: what the cache holds is preferred, as podman does it.
 */

import type { CachedAttachment } from './cache.js';
import type { Cni } from './chain.js';
import { writeResult, type WrittenResult } from './convert.js';
import { CNI_CODE, CniError } from './error.js';
import { type NetworkList, parseNetworkList } from './network-conf.js';
import { readResult } from './result.js';
import { type CniVersion, OLDEST_VERSION } from './version.js';

/**
 * The list that ADD was done with, or else the one of today.
 *
 * @throws CniError badConfig: there is neither.
 */
export function attachedList(
  cni: Cni,
  cached: CachedAttachment | undefined,
  today: NetworkList | undefined,
): NetworkList {
  if (cached !== undefined && cached.config !== '') {
    try {
      const list = parseNetworkList(cached.config);
      // libcni keeps a list without the plugins of the files beside it.
      if (list.plugins.length > 0) return list;
    } catch (cause) {
      if (!(cause instanceof CniError)) throw cause;
      cni.warn(`the cached configuration of network ${cached.network} cannot be used: ${cause.message}`);
    }
  }
  if (today !== undefined) return today;
  throw new CniError(CNI_CODE.badConfig, 'its configuration is neither in the cache nor in a file of today');
}

/**
 * The result of ADD, in the version that is spoken now.
 *
 * @throws CniError decoding
 */
export function attachedResult(cached: CachedAttachment | undefined, version: CniVersion): WrittenResult | undefined {
  if (cached?.result === undefined) return undefined;
  return writeResult(readResult(cached.result, OLDEST_VERSION), version);
}
