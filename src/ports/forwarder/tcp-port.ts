import { createServer, type Server } from 'node:net';
import type { Port } from '../port.js';
import type { Inside } from './inside.js';
import type { Opened } from './opened.js';
import { BACKLOG } from './tcp-service.js';

/** Listen on the host, for the connector to serve. */
export function openTcpPort(port: Port, inside: Inside): Opened {
  let settle: () => void = () => undefined;
  const opened: Opened = {
    port,
    code: undefined,
    settled: new Promise((resolve) => (settle = resolve)),
    count: () => service.count(),
    close: () => service.stop(),
    look: () => undefined,
  };
  const service = inside.serve({
    ...{ protocol: 'tcp', host: port.targetIp, port: port.targetPort, proxyProtocol: port.proxyProtocol },
    bind: () => listenOn(port),
    onBound: (code) => {
      opened.code = code;
      settle();
    },
  });
  return opened;
}

/** Without an address on all: one socket for both families, or of IPv4 where the host has no other. */
async function listenOn({ hostIp, hostPort: port }: Port): Promise<Server> {
  const listen = (host: string): Promise<Server> =>
    new Promise((resolve, reject) => {
      const ipv6Only = hostIp !== '';
      // Who comes before it is handed over is handed over as well, unread.
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
      server.once('error', reject).listen({ host, port, ipv6Only, backlog: BACKLOG, exclusive: true }, () => {
        server.off('error', reject).on('error', () => undefined);
        resolve(server);
      });
    });
  try {
    return await listen(hostIp === '' ? '::' : hostIp);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (hostIp !== '' || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error;
    return listen('0.0.0.0');
  }
}
