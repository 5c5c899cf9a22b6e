import { formatIp, type IpAddress, parseIp } from '../plan/ip.js';

/** The family of an address without a zone; undefined for what is none. By plan/ip.ts: node:net's isIP needs 6 ms for its first IPv6 address. */
export function addressFamily(text: string): 4 | 6 | undefined {
  const ip = parseIp(text);
  if (ip === undefined) return undefined;
  if (ip.kind === 'ipv4') return 4;
  return ip.zone === undefined ? 6 : undefined;
}

/** The same with prefix length, such as `10.89.0.2/24`. */
export function cidrFamily(text: string): 4 | 6 | undefined {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const family = addressFamily(address);
  if (family === undefined || rest.length > 0) return undefined;
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > (family === 4 ? 32 : 128)) return undefined;
  return family;
}

/**
 * The network of an address with prefix length: `10.0.0.0/8` for `10.7.7.7/8`. What is masked already stays as it is
 * written, and so does what {@link cidrFamily} refuses.
 */
export function maskCidr(text: string): string {
  const [address = '', prefix = ''] = text.split('/');
  const ip = parseIp(address);
  if (ip === undefined || cidrFamily(text) === undefined) return text;
  const masked = maskIp(ip, Number(prefix));
  return formatIp(masked) === formatIp(ip) ? text : `${formatIp(masked)}/${prefix}`;
}

function maskIp(ip: IpAddress, prefix: number): IpAddress {
  // Not by shifts: those of 32 bits are no shifts at all.
  const clear = (value: number, hostBits: number): number => value - (value % 2 ** hostBits);
  if (ip.kind === 'ipv4') return { kind: 'ipv4', value: clear(ip.value, 32 - prefix) };
  const hostBits = (index: number): number => Math.min(16, Math.max(0, 16 * (index + 1) - prefix));
  return { kind: 'ipv6', groups: ip.groups.map((group, index) => clear(group, hostBits(index))) };
}
