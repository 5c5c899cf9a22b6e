import { parseIp } from '../plan/ip.js';

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
