import { parseIp } from '../../plan/ip.js';
import type { ProxyProtocol } from '../port.js';

/** The two ends of a client's connection to the host. */
export interface Ends {
  from: { address: string; port: number };
  to: { address: string; port: number };
}

/**
 * What tells a server the client's address, before anything that the client says:
 * https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, sections 2.1 and 2.2. The libraries that there are for it read it,
 * or are no longer kept.
 */
export function proxyHeader(version: ProxyProtocol, { from, to }: Ends): Buffer {
  const isV6 = from.address.includes(':');
  if (version === 'v1') {
    const words = ['PROXY', isV6 ? 'TCP6' : 'TCP4', from.address, to.address, from.port, to.port];
    return Buffer.from(`${words.join(' ')}\r\n`, 'latin1');
  }
  const addresses = Buffer.concat([bytesOf(from.address), bytesOf(to.address)]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(from.port, 0);
  ports.writeUInt16BE(to.port, 2);
  // Version 2, command PROXY; address family and STREAM; how much follows.
  const head = Buffer.from([0x21, isV6 ? 0x21 : 0x11, 0, addresses.length + ports.length]);
  return Buffer.concat([SIGNATURE, head, addresses, ports]);
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

function bytesOf(address: string): Buffer {
  const ip = parseIp(address);
  if (ip?.kind === 'ipv6') return Buffer.from(ip.groups.flatMap((group) => [group >>> 8, group & 0xff]));
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(ip?.value ?? 0);
  return bytes;
}

/** A socket for both families shows clients of IPv4 as `::ffff:192.0.2.1` (ipv6(7)). */
export function plainAddress(address = ''): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}
