import { quote } from '../config/bad-setting.js';
import { RnetnsError } from '../errors/error.js';
import { formatIp, parseIp } from '../plan/ip.js';
import { ID } from '../state/references.js';
import { isHostOf, parseSubnet, type Subnet } from './subnet.js';
import { isObject, isStrings, type JsonObject } from '../state/json.js';

/**
 * What netavark gets on stdin for `setup` and `teardown`: podman's NetworkOptions. Keys that are not named here go
 * through unchanged. See https://github.com/containers/netavark, src/network/types.rs.
 */
export interface NetavarkRequest {
  container_id: string;
  /** By the network's name. */
  networks: Record<string, { interface_name: string; static_ips?: string[] | null }>;
  network_info: Record<string, { id: string; subnets?: { subnet: string; gateway?: string }[] | null }>;
  /** Ports of the host that lead to the container; netavark makes rules of the shared namespace of them. */
  port_mappings?: JsonObject[] | null;
}

/** One network of a request, as far as addresses are concerned. */
export interface RequestedNetwork {
  name: string;
  id: string;
  subnets: (Subnet & { gateway: string | undefined })[];
  /** Where the addresses of the container go. */
  options: NetavarkRequest['networks'][string];
}

/** @throws RnetnsError ERR_USAGE */
export function refuseRequest(why: string): never {
  throw new RnetnsError('ERR_USAGE', `cannot use the network options on stdin: ${why}`, {
    hint: 'they are what podman gives to netavark: container_id, networks, network_info',
  });
}

const ID_RULE = 'up to 128 letters, digits, and _ . - after the first';

/**
 * Read and check a request. netavark itself finds some of these faults late, with half of the network made.
 *
 * @throws RnetnsError ERR_USAGE naming the key.
 */
export function parseRequest(text: string): NetavarkRequest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    refuseRequest(cause instanceof Error ? cause.message : String(cause));
  }
  if (!isObject(value)) return refuseRequest('they are no JSON object');
  const { container_id: id, networks, network_info: info, port_mappings: ports } = value;
  if (typeof id !== 'string' || !ID.test(id)) return refuseRequest(`container_id is no id of ${ID_RULE}`);
  if (!isObject(networks) || !isObject(info)) return refuseRequest('networks or network_info is missing');
  if (ports != null && !(Array.isArray(ports) && ports.every(isObject)))
    return refuseRequest('port_mappings is no list of objects');
  for (const [name, options] of Object.entries(networks)) {
    const at = `networks.${name}`;
    const network = info[name];
    // Both become names of files: ours, and aardvark-dns's.
    if (!ID.test(name)) return refuseRequest(`${quote(name)} is no name of a network: ${ID_RULE}`);
    if (!isObject(network) || typeof network.id !== 'string')
      return refuseRequest(`network_info.${name} is missing, or has no id`);
    if (!ID.test(network.id)) return refuseRequest(`network_info.${name}.id is no id of ${ID_RULE}`);
    const bridge = network.network_interface;
    if (bridge != null && !(typeof bridge === 'string' && isInterfaceName(bridge)))
      return refuseRequest(`network_info.${name}.network_interface is no interface name`);
    if (!isObject(options)) return refuseRequest(`${at} is no object`);
    if (typeof options.interface_name !== 'string' || !isInterfaceName(options.interface_name)) {
      return refuseRequest(`${at}.interface_name is no interface name`);
    }
    if (options.static_ips != null && !isStrings(options.static_ips))
      return refuseRequest(`${at}.static_ips is no list of addresses`);
    if (network.subnets != null && !isSubnets(network.subnets))
      return refuseRequest(`network_info.${name}.subnets is wrong`);
  }
  const request = value as unknown as NetavarkRequest;
  for (const { name, subnets, options } of requestedNetworks(request)) {
    const addresses: string[] = [];
    for (const address of options.static_ips ?? []) {
      const ip = parseIp(address);
      // A zone may hold anything, and the address is the name of a file.
      const hasZone = ip?.kind === 'ipv6' && ip.zone !== undefined;
      if (ip === undefined || hasZone || !subnets.some((subnet) => isHostOf(subnet, ip))) {
        return refuseRequest(`networks.${name}.static_ips: ${address} is in none of the network's subnets`);
      }
      // One spelling, for it must not be given out twice.
      addresses.push(formatIp(ip));
    }
    if (addresses.length > 0) options.static_ips = addresses;
  }
  return request;
}

export function requestedNetworks({ networks, network_info: info }: NetavarkRequest): RequestedNetwork[] {
  return Object.entries(networks).map(([name, options]) => ({
    name,
    id: info[name]?.id ?? '',
    options,
    subnets: (info[name]?.subnets ?? []).flatMap(({ subnet, gateway }) => {
      const parsed = parseSubnet(subnet);
      return parsed === undefined ? [] : [{ ...parsed, gateway }];
    }),
  }));
}

/** The request with these of its networks. */
export function restrictTo(
  request: NetavarkRequest,
  isWanted: (network: RequestedNetwork) => boolean,
): NetavarkRequest {
  const wanted = requestedNetworks(request).filter(isWanted);
  return { ...request, networks: Object.fromEntries(wanted.map(({ name, options }) => [name, options])) };
}

/** What setup makes in the container's namespace. */
export function interfacesOf({ networks }: NetavarkRequest): string[] {
  return Object.values(networks).map(({ interface_name: name }) => name);
}

/** As the kernel has it: 1 to 15 bytes, no `/`, no blank, not `.` or `..` (dev_valid_name). */
function isInterfaceName(name: string): boolean {
  return /^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..' && Buffer.byteLength(name) <= 15;
}

function isSubnets(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((item) => isObject(item) && typeof item.subnet === 'string' && parseSubnet(item.subnet) !== undefined)
  );
}
