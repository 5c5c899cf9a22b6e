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
      if (list.plugins.length > 0) return list;
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
 * @param netns - the path that the namespace of ADD is named by now: plugins compare it with that in the result.
 * @throws CniError decoding
 */
export function attachedResult(
  cached: CachedAttachment | undefined,
  version: CniVersion,
  netns = cached?.netns,
): WrittenResult | undefined {
  if (cached?.result === undefined) return undefined;
  const result = readResult(cached.result, OLDEST_VERSION);
  const interfaces = result.interfaces.map((one) =>
    netns !== undefined && one.sandbox !== undefined && one.sandbox === cached.netns ? { ...one, sandbox: netns } : one,
  );
  return writeResult({ ...result, interfaces }, version);
}
