import { connect, Socket } from 'node:net';
import type { Port } from '../port.js';
import { DatagramRelay, type Peer } from './datagram-relay.js';
import type { Inside } from './inside.js';
import type { Opened } from './opened.js';
import { relay, reset } from './relay.js';
import { Clients, sumOf } from './traffic.js';
import { bound } from './udp-port.js';

/** Whichever of them the service has. */
const LOOPBACKS = ['127.0.0.1', '::1'];
/** Whoever is inside may take no more of our descriptors. */
const MOST_CLIENTS = 4096;

/** One port of the host's loopback at the loopback inside: the connector listens there and hands out what it accepts. */
export function openToHostPort(port: Port, inside: Inside): Opened {
  const clients = new Clients();
  const relays = new Set<DatagramRelay>();
  let settle: () => void = () => undefined;
  const stop = inside.listen({
    protocol: port.protocol,
    port: port.targetPort,
    onListening: () => {
      opened.code = undefined;
      settle();
    },
    onFailed: (code) => {
      opened.code = code;
      settle();
    },
    onSocket: (socket) => {
      if (socket instanceof Socket) accept(socket);
      else relays.add(new DatagramRelay(socket, () => hostDatagrams(port.hostPort)));
    },
  });
  const accept = (client: Socket): void => {
    if (clients.size >= MOST_CLIENTS) {
      reset(client);
      return;
    }
    client.on('error', () => undefined);
    clients.add(client);
    client.pause();
    connectHost(port.hostPort, LOOPBACKS).then(
      (server) => (client.destroyed ? reset(server) : relay(client, server)),
      () => {
        clients.noteFailed();
        reset(client);
      },
    );
  };
  const opened: Opened = {
    port,
    code: undefined,
    settled: new Promise((resolve) => (settle = resolve)),
    count: () => ({
      clients: [...relays].reduce((sum, each) => sum + each.clients, clients.size),
      traffic: sumOf([clients.traffic(), ...[...relays].map(({ traffic }) => traffic)]),
    }),
    close: async () => {
      const stopped = stop();
      for (const client of clients) reset(client);
      for (const each of relays) each.close();
      await stopped;
    },
    look: () => relays.forEach((each) => each.look()),
  };
  return opened;
}

function connectHost(port: number, [host, ...others]: readonly string[]): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const server = connect({ host: host ?? '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    const fail = (error: Error): void => {
      if (others.length === 0) reject(error);
      else connectHost(port, others).then(resolve, reject);
    };
    server.once('error', fail).once('connect', () => {
      server.off('error', fail);
      server.pause();
      resolve(server);
    });
  });
}

/** A port of 127.0.0.1 that can be had is not the service's, which is on ::1 then. */
async function hostDatagrams(port: number): Promise<Peer> {
  let isFree = false;
  try {
    (await bound('127.0.0.1', port)).close();
    isFree = true;
  } catch {
    // It has it.
  }
  const address = isFree ? '::1' : '127.0.0.1';
  return { socket: await bound(address, 0), address, port };
}
