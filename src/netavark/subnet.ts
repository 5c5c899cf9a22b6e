import { formatIp, parseIp, type IpAddress } from '../plan/ip.js';

/** An IP network: its first and last address as numbers, of one family. */
export interface Subnet {
  kind: IpAddress['kind'];
  first: bigint;
  last: bigint;
}

/** `10.89.0.0/24`, `fd00::/64`; undefined for anything else. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = '', length = '', more] = text.split('/');
  const ip = parseIp(address);
  if (ip === undefined || more !== undefined || !/^\d{1,3}$/.test(length)) return undefined;
  const bits = ip.kind === 'ipv4' ? 32 : 128;
  if (Number(length) > bits) return undefined;
  const size = 1n << BigInt(bits - Number(length));
  const first = toNumber(ip) & ~(size - 1n);
  return { kind: ip.kind, first, last: first + size - 1n };
}

/** Is it one of the subnet's that a container can have? Not the network's own, nor the IPv4 broadcast address. */
export function isHostOf(subnet: Subnet, ip: IpAddress): boolean {
  const value = toNumber(ip);
  return ip.kind === subnet.kind && value > subnet.first && value < subnet.last;
}

/** The addresses a container can have, from the lowest on. */
export function* hostsOf({ kind, first, last }: Subnet): Generator<string> {
  for (let value = first + 1n; value < last; value++) yield fromNumber(kind, value);
}

function toNumber(ip: IpAddress): bigint {
  return ip.kind === 'ipv4' ? BigInt(ip.value) : ip.groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
}

function fromNumber(kind: IpAddress['kind'], value: bigint): string {
  if (kind === 'ipv4') return formatIp({ kind, value: Number(value) });
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(16 * (7 - index))) & 0xffffn));
  return formatIp({ kind, groups });
}
