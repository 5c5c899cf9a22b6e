/**
 * Where the interface of an attachment is. Plugins delete what has its name in the namespace that they are given, so that
 * must be the one with ours: since ADD, a path may have come to lead to another container, and the interface may have been
 * replaced by somebody else's.
 */

import type { CachedAttachment } from './cache.js';
import { type Cni } from './chain.js';
import { CniError } from './error.js';
import { isSameLink, type Link } from './links.js';
import { isObject, type JsonObject } from '../state/json.js';

export interface Place {
  /** For plugins; empty: they are to leave the container alone, and free what is outside of it. */
  netns: string;
  /** The interface, where it is there and ours. */
  link: Link | undefined;
}

/** Every namespace has it, and no plugin makes it or can delete it. */
export const LOOPBACK = 'lo';

/** @param given - by who wants it deleted: another path, perhaps, of the same namespace. */
export async function placeOf(cni: Cni, cached: CachedAttachment, given: string): Promise<Place> {
  const known = cached.netns === '' ? given : cached.netns;
  if (cached.ifName === LOOPBACK) return { netns: known, link: undefined };
  // Of an ADD that didn't come to its end, only the path tells.
  const others = cached.unfinished === undefined ? [given] : [];
  const paths = [...new Set([known, ...others])].filter((path) => path !== '');
  let [free, foreign, elsewhere]: (string | undefined)[] = [];
  for (const netns of paths) {
    // Another namespace by now: the name was given anew, or the process id.
    if (cached.inode !== undefined && (cni.netnsInode(netns) ?? cached.inode) !== cached.inode) {
      elsewhere ??= netns;
      continue;
    }
    const links = await linksOf(cni, netns);
    const link = links?.find(({ name }) => name === cached.ifName);
    if (link !== undefined && isOurs(link, cached)) return { netns, link };
    if (link !== undefined) foreign ??= netns;
    else if (links !== undefined) free ??= netns;
  }
  if (foreign === undefined) return { netns: free ?? (elsewhere === undefined ? known : ''), link: undefined };
  cni.warn(
    `${cached.ifName} in ${foreign} is not that of ${cached.containerId} on network ${cached.network}: it stays`,
  );
  return { netns: free ?? '', link: undefined };
}

async function linksOf(cni: Cni, netns: string): Promise<readonly Link[] | undefined> {
  try {
    return await cni.links(netns);
  } catch (cause) {
    // It is gone, and its interface with it.
    if (cause instanceof CniError) return undefined;
    throw cause;
  }
}

/** As ADD left it; libcni's files have just the address, and that not always. */
function isOurs(link: Link, { link: then, result, ifName, unfinished }: CachedAttachment): boolean {
  // There was none of that name before.
  if (unfinished !== undefined) return true;
  if (then !== undefined) return isSameLink(link, then);
  const mac = macIn(result, ifName);
  return mac === undefined || mac.toLowerCase() === link.mac.toLowerCase();
}

function macIn(result: JsonObject | undefined, ifName: string): string | undefined {
  const interfaces = Array.isArray(result?.interfaces) ? (result.interfaces as unknown[]) : [];
  const own = interfaces.find((entry) => isObject(entry) && entry.name === ifName && (entry.sandbox ?? '') !== '');
  return isObject(own) && typeof own.mac === 'string' && own.mac !== '' ? own.mac : undefined;
}
