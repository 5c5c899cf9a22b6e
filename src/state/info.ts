import type { StateDirectory } from './directory.js';
import { readOptional, writeAtomic } from './files.js';
import { isObject, isStrings } from './json.js';

/** Addresses of a shared namespace, cached in `<state>/info.json` so that every process sees the same. */
export interface NetnsInfo {
  /** Addresses inside: no loopback, multicast or IPv6 link-local. */
  addresses: string[];
  /** Where the driver answers DNS. */
  dnsForwardIps: string[];
  /** Addresses inside that mean the host. */
  mapGuestIps: string[];
  /** Name servers in resolv.conf that nobody has chosen: the last resort. Not there when there are none. */
  publicNameservers?: string[];
}

export function writeInfo(state: StateDirectory, info: NetnsInfo): void {
  writeAtomic(state.info, `${JSON.stringify(info)}\n`);
}

export function readInfo(state: StateDirectory): NetnsInfo | undefined {
  try {
    // What another version of rnetns doesn't write is nothing, and what it adds is passed over.
    const value: unknown = JSON.parse(readOptional(state.info) ?? '');
    if (!isObject(value)) return undefined;
    const { addresses = [], dnsForwardIps = [], mapGuestIps = [], publicNameservers } = value;
    if (!isStrings(addresses) || !isStrings(dnsForwardIps) || !isStrings(mapGuestIps)) return undefined;
    return { addresses, dnsForwardIps, mapGuestIps, ...(isStrings(publicNameservers) && { publicNameservers }) };
  } catch {
    return undefined;
  }
}
