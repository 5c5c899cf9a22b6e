import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoCode } from '../config/errno.js';
import { RnetnsError } from '../errors/error.js';
import { writeError } from '../state/directory.js';
import { listNames, makeDirectory, readOptional } from '../state/files.js';
import { isAlive, type ProcessId } from '../state/process.js';
import { requestedNetworks, type NetavarkRequest, type RequestedNetwork } from './request.js';
import { hostsOf } from './subnet.js';

/**
 * Addresses of containers: netavark has no address management, its callers do. One file an address,
 * `DIRECTORY/NETWORK-ID/ADDRESS`, made with O_EXCL, in it the container's id and the process that sets it up. They go with the
 * namespace. All this is done under the lock of scripts/netavark.sh.
 */
export interface LeaseOwner {
  container: string;
  /** The launcher: it lives until the reference is counted. */
  process: ProcessId;
}

/**
 * Give every network that names no address one of each of its subnets; the others' are noted as taken.
 *
 * @returns the files made for it, to be removed when nothing comes of it.
 */
export function takeAddresses(directory: string, request: NetavarkRequest, process: ProcessId): string[] {
  const made: string[] = [];
  const owner: LeaseOwner = { container: request.container_id, process };
  try {
    for (const network of requestedNetworks(request)) takeForNetwork(join(directory, network.id), network);
  } catch (error) {
    dropLeases(made, owner);
    throw error;
  }
  return made;

  function takeForNetwork(taken: string, { name, subnets, options }: RequestedNetwork): void {
    makeDirectory(taken);
    const take = (address: string): boolean => {
      const done = makeLease(join(taken, address), owner);
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

/** Has the container an address in this network? */
export function hasAddress(directory: string, network: string, container: string): boolean {
  return addressesOf(join(directory, network), container).length > 0;
}

/** The networks that the container has an address in. */
export function networksWithAddress(directory: string, container: string): string[] {
  return listNames(directory).filter((network) => hasAddress(directory, network, container));
}

export function freeAddresses(directory: string, request: NetavarkRequest): void {
  for (const { id } of requestedNetworks(request)) {
    const taken = join(directory, id);
    for (const address of addressesOf(taken, request.container_id)) rmSync(join(taken, address), { force: true });
  }
}

/** Those of a setup that failed, unless they have become another's. */
export function dropLeases(files: readonly string[], owner: LeaseOwner): void {
  for (const file of files) if (readOptional(file) === formatLease(owner)) rmSync(file, { force: true });
}

/**
 * Free what a setup that was killed has taken: nobody counted it, and nobody will.
 *
 * @param isCounted - is the container counted for the network, as it is now?
 */
export function dropForgotten(
  directory: string,
  request: NetavarkRequest,
  isCounted: (container: string, network: string) => boolean,
): void {
  const ended = requestedNetworks(request).flatMap(({ id }) =>
    listNames(join(directory, id)).flatMap((address) => {
      const file = join(directory, id, address);
      const owner = parseLease(readOptional(file) ?? '');
      return owner === undefined || isAlive(owner.process) ? [] : [{ file, id, container: owner.container }];
    }),
  );
  // Only now: whoever has ended had counted it before.
  for (const { file, id, container } of ended) if (!isCounted(container, id)) rmSync(file, { force: true });
}

/** False when another one has it; whoever had it before keeps it. */
function makeLease(file: string, owner: LeaseOwner): boolean {
  try {
    writeFileSync(file, formatLease(owner), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (cause) {
    if (errnoCode(cause) !== 'EEXIST') throw writeError(file, cause);
    return false;
  }
}

function formatLease({ container, process: { pid, startTicks } }: LeaseOwner): string {
  return `${container} ${pid} ${startTicks}\n`;
}

/** Undefined for one that is not whole: it is kept, for who knows whose it is. */
function parseLease(text: string): LeaseOwner | undefined {
  const [, container, pid, startTicks] = /^(\S+) (\d+) (\d+)\n$/.exec(text) ?? [];
  if (container === undefined) return undefined;
  return { container, process: { pid: Number(pid), startTicks: Number(startTicks) } };
}

/** Who has which address, in all networks. */
export function leaseHolders(directory: string): Map<string, string> {
  const files = listNames(directory).flatMap((network) =>
    listNames(join(directory, network)).map((address) => ({ network, address })),
  );
  const held = files.flatMap(({ network, address }) => {
    const owner = parseLease(readOptional(join(directory, network, address)) ?? '');
    return owner === undefined ? [] : [[address, owner.container] as const];
  });
  return new Map(held);
}

function addressesOf(directory: string, container: string): string[] {
  return listNames(directory).filter(
    (address) => parseLease(readOptional(join(directory, address)) ?? '')?.container === container,
  );
}
