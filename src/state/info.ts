import type { StateDirectory } from './directory.js';
import { readOptional, writeAtomic } from './files.js';

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
    const value = JSON.parse(readOptional(state.info) ?? '') as Partial<NetnsInfo>;
    const lists = [value.addresses, value.dnsForwardIps, value.mapGuestIps];
    return lists.every(Array.isArray) ? (value as NetnsInfo) : undefined;
  } catch {
    return undefined;
  }
}
