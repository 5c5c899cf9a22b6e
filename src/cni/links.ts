/**
 * Network interfaces as ip(8) shows them, by which an interface that ADD made is told from one that somebody else made.
 * Pure.
 *
 * @see https://man7.org/linux/man-pages/man8/ip-link.8.html
 */

import { isObject, type JsonObject } from '../state/json.js';

export interface Link {
  readonly name: string;
  readonly index: number;
  /** Of the other end of a pair, or of the interface it stands on, in another namespace; undefined for the others. */
  readonly peerIndex: number | undefined;
  readonly mac: string;
  /** `veth`, `bridge`, …; empty for hardware and lo. */
  readonly kind: string;
  /** The bridge it is a port of. */
  readonly master: string | undefined;
}

/** What stays the same of an interface for as long as it is there. */
export type LinkIdentity = Pick<Link, 'index' | 'peerIndex' | 'mac'>;

/** The output of `ip -json -details link show`; undefined for anything else. */
export function parseLinks(text: string): Link[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  return value.filter(isObject).flatMap(toLink);
}

function toLink({ ifname, ifindex, link_index: peerIndex, address, master, linkinfo }: JsonObject): Link[] {
  if (typeof ifname !== 'string' || typeof ifindex !== 'number') return [];
  return [
    {
      name: ifname,
      index: ifindex,
      peerIndex: typeof peerIndex === 'number' ? peerIndex : undefined,
      mac: typeof address === 'string' ? address : '',
      kind: isObject(linkinfo) && typeof linkinfo.info_kind === 'string' ? linkinfo.info_kind : '',
      master: typeof master === 'string' ? master : undefined,
    },
  ];
}

/**
 * Is it the interface that was seen then? In another namespace of the same path, indexes begin anew, but the other end of a
 * pair has one that the shared namespace gives out once; what has no such end is told by its address as well.
 */
export function isSameLink(link: Link, then: LinkIdentity): boolean {
  if (link.index !== then.index || link.peerIndex !== then.peerIndex) return false;
  return link.kind === 'veth' || link.mac.toLowerCase() === then.mac.toLowerCase();
}

export function parseIdentity(value: unknown): LinkIdentity | undefined {
  if (!isObject(value)) return undefined;
  const { index, peerIndex, mac } = value;
  if (typeof index !== 'number' || typeof mac !== 'string') return undefined;
  return { index, peerIndex: typeof peerIndex === 'number' ? peerIndex : undefined, mac };
}
