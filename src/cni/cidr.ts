import { isIP } from 'node:net';

/** The family of an address with prefix length, such as `10.89.0.2/24`; undefined for what is none. */
export function cidrFamily(text: string): 4 | 6 | undefined {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || rest.length > 0) return undefined;
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > (family === 4 ? 32 : 128)) return undefined;
  return family === 4 ? 4 : 6;
}
