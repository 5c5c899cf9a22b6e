import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RnetnsError } from '../errors/error.js';
import { writeError } from '../state/directory.js';
import { makeDirectory } from '../state/files.js';
import { requestedNetworks, type NetavarkRequest, type RequestedNetwork } from './request.js';
import { hostsOf } from './subnet.js';

/**
 * Addresses of containers: netavark has no address management, its callers do. One file an address,
 * `DIRECTORY/NETWORK-ID/ADDRESS`, with the container's id in it, made with O_EXCL: two never get the same one, and
 * nobody needs a lock. They go with the namespace.
 */

/**
 * Give every network that names no address one of each of its subnets; the others' are noted as taken.
 *
 * @returns the files made for it, to be removed when nothing comes of it.
 */
export function takeAddresses(directory: string, request: NetavarkRequest): string[] {
  const made: string[] = [];
  try {
    for (const network of requestedNetworks(request)) takeForNetwork(join(directory, network.id), network);
  } catch (error) {
    for (const file of made) rmSync(file, { force: true });
    throw error;
  }
  return made;

  function takeForNetwork(taken: string, { name, subnets, options }: RequestedNetwork): void {
    makeDirectory(taken);
    const take = (address: string): boolean => {
      const done = makeLease(join(taken, address), request.container_id);
      if (done) made.push(join(taken, address));
      return done;
    };
    const given = options.static_ips ?? [];
    if (given.length > 0) {
      for (const address of given) take(address);
      return;
    }
    options.static_ips = subnets.map((subnet) => {
      for (const address of hostsOf(subnet)) if (address !== subnet.gateway && take(address)) return address;
      throw new RnetnsError('ERR_NETNS', `the network ${name} has no address left for ${request.container_id}`, {
        hint: 'tear down containers that have ended, or give the network a larger subnet',
      });
    });
  }
}

/** Those that the container has in these networks, as static_ips of a request that names none, as for teardown. */
export function findAddresses(directory: string, request: NetavarkRequest): void {
  for (const { id, options } of requestedNetworks(request)) {
    if ((options.static_ips ?? []).length === 0)
      options.static_ips = addressesOf(join(directory, id), request.container_id);
  }
}

export function freeAddresses(directory: string, request: NetavarkRequest): void {
  for (const { id } of requestedNetworks(request)) {
    const taken = join(directory, id);
    for (const address of addressesOf(taken, request.container_id)) rmSync(join(taken, address), { force: true });
  }
}

/** False when another one has it; whoever had it before keeps it. */
function makeLease(file: string, container: string): boolean {
  try {
    writeFileSync(file, container, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw writeError(file, cause);
    return false;
  }
}

function addressesOf(directory: string, container: string): string[] {
  try {
    return readdirSync(directory).filter((address) => readFileSync(join(directory, address), 'utf8') === container);
  } catch {
    return [];
  }
}
