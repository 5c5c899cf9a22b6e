import { networkInterfaces } from 'node:os';
import { isOwnNetwork, ownSources, tablesOf } from '../namespace/ways-out.js';
import { defaultInterfaces } from '../plan/default-route.js';

/** By which packets to the Internet leave, by the tables of a process: all there are where no rule leads to others. */
export function interfacesOf(pid: number | 'self'): string[] {
  return defaultInterfaces(...tablesOf(pid));
}

/**
 * Those of the host, IPv4's first, whichever table a rule leads to.
 *
 * @param pid - of a process on its network: the supervisor, also where we are in a namespace.
 */
export async function hostInterfaces(pid: number | 'self'): Promise<string[]> {
  const interfaces = interfacesOf(pid);
  if (interfaces.length > 0 || !isOwnNetwork(pid)) return interfaces;
  const sources = (await ownSources()).filter((address) => address !== undefined);
  return [...new Set(sources.map(interfaceWith))];
}

/** The interface that has an address; the address itself where none has it any more. */
function interfaceWith(address: string): string {
  const all = Object.entries(networkInterfaces());
  return all.find(([, has = []]) => has.some((each) => each.address === address))?.[0] ?? address;
}
