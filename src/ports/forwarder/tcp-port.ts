import { createServer, type Server, type Socket } from 'node:net';
import { errnoCode } from '../../config/errno.js';
import type { Port } from '../port.js';
import type { Inside } from './inside.js';
import type { Opened } from './opened.js';
import { plainAddress, proxyHeader } from './proxy-header.js';
import { relay, reset } from './relay.js';
import { Clients } from './traffic.js';

/** A machine that is gone without a word is noticed after that and some probes of tcp(7). */
const KEEP_ALIVE_MS = 60_000;

/** Listen on the host, and let the shared network's side be connected by the connector. */
export function openTcpPort(port: Port, inside: Inside): Opened {
  const clients = new Clients();
  const accept = async (client: Socket): Promise<void> => {
    client.on('error', () => undefined);
    clients.add(client);
    try {
      const from = plainAddress(client.remoteAddress);
      const server = await inside.connect(port.targetIp, port.targetPort, from.includes(':') ? 6 : 4);
      if (client.destroyed) {
        reset(server);
        return;
      }
      server.setNoDelay(true);
      if (port.proxyProtocol !== undefined) server.write(proxyHeader(port.proxyProtocol, endsOf(client)));
      relay(client, server);
    } catch {
      clients.noteFailed();
      reset(client);
    }
  };
  const server = createServer(
    {
      ...{ allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
      ...{ keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
    },
    (client) => void accept(client),
  );
  const opened: Opened = {
    port,
    code: undefined,
    settled: listenOn(server, port).then(
      () => undefined,
      (error: unknown) => void (opened.code = errnoCode(error) ?? 'EIO'),
    ),
    clients: () => clients.size,
    traffic: () => clients.traffic(),
    close: () => {
      server.close();
      for (const client of clients) reset(client);
    },
    look: () => undefined,
  };
  return opened;
}

function endsOf(client: Socket): Parameters<typeof proxyHeader>[1] {
  return {
    from: { address: plainAddress(client.remoteAddress), port: client.remotePort ?? 0 },
    to: { address: plainAddress(client.localAddress), port: client.localPort ?? 0 },
  };
}

/** Without an address on all: one socket for both families, or of IPv4 where the host has no other. */
async function listenOn(server: Server, { hostIp, hostPort: port }: Port): Promise<void> {
  const listen = (host: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const ipv6Only = hostIp !== '';
      server.once('error', reject).listen({ host, port, ipv6Only, backlog: 4096, exclusive: true }, () => {
        server.off('error', reject).on('error', () => undefined);
        resolve();
      });
    });
  try {
    await listen(hostIp === '' ? '::' : hostIp);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (hostIp !== '' || (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL')) throw error;
    await listen('0.0.0.0');
  }
}
