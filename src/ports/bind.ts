import { createServer } from 'node:net';
import { bound } from './forwarder/udp-port.js';
import type { PortRequest } from './specification.js';

/** A port that was had for a moment: that nobody else has it, and which one it is where any would do. */
export interface Held {
  port: number;
  release: () => Promise<void>;
}

/**
 * Take a port of the host as the forwarder will.
 *
 * @throws Error with a `code`: EADDRINUSE, EACCES, EADDRNOTAVAIL.
 */
export async function holdPort({ protocol, hostIp, hostPort }: PortRequest): Promise<Held> {
  const hold = protocol === 'tcp' ? holdTcp : holdUdp;
  try {
    return await hold(hostIp === '' ? '::' : hostIp, hostPort, hostIp !== '');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // A host without IPv6.
    if (hostIp !== '' || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw cause;
    return hold('0.0.0.0', hostPort, true);
  }
}

function holdTcp(host: string, wanted: number, ipv6Only: boolean): Promise<Held> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen({ host, port: wanted, ipv6Only, exclusive: true }, () => {
      const address = server.address();
      const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
      resolve({ port, release: () => new Promise((closed) => server.close(() => closed())) });
    });
  });
}

/** A socket for both families is refused where anybody has the port on an address of either. */
async function holdUdp(host: string, wanted: number, ipv6Only: boolean): Promise<Held> {
  const socket = await bound(host, wanted, ipv6Only);
  return { port: socket.address().port, release: () => new Promise((closed) => socket.close(() => closed())) };
}
