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

/** The network as its files are now, or why there is none of that name. */
export type Today = NetworkList | CniError;

/**
 * The list that ADD was done with, or else the one of today.
 *
 * @throws CniError badConfig: there is neither.
 */
export function attachedList(cni: Cni, cached: CachedAttachment | undefined, today: Today): NetworkList {
  if (cached !== undefined && cached.config !== '') {
    try {
      const list = parseNetworkList(cached.config);
      // libcni keeps a list without the plugins of the files beside it.
      if (list.plugins.length > 0) {
        // One of the files that can't be used may be this network's, and what is in it isn't heeded.
        if (today instanceof CniError && today.details !== '') cni.warn(today.details);
        return list;
      }
    } catch (cause) {
      if (!(cause instanceof CniError)) throw cause;
      cni.warn(`the cached configuration of network ${cached.network} cannot be used: ${cause.message}`);
    }
  }
  if (!(today instanceof CniError)) return today;
  const { msg, details, hint } = today;
  throw new CniError(CNI_CODE.badConfig, `its configuration is not in the cache, and there is ${msg}`, {
    details,
    hint,
    cause: today,
  });
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
