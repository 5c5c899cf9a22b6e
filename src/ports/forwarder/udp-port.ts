import { createSocket, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import type { Port } from '../port.js';
import type { Inside } from './inside.js';
import type { Opened } from './opened.js';
import { NO_TRAFFIC, sumOf } from './traffic.js';

/**
 * Datagrams on the host. Without an address there is a socket for each address of the host, not one for all: from that an answer
 * would have the address that the route back prefers, and a client that asked another one takes it for a stranger's. Addresses
 * that come later are found by looking.
 */
export function openUdpPort(port: Port, inside: Inside): Opened {
  const services = new Map<string, ReturnType<Inside['serve']>>();
  /** Of addresses that are gone. */
  let past = NO_TRAFFIC;
  /** Why; those of addresses that came later are tried again in silence. */
  const open = (address: string): Promise<string | undefined> =>
    new Promise((resolve) => {
      const service = inside.serve({
        ...{ protocol: 'udp', host: port.targetIp, port: port.targetPort, proxyProtocol: undefined },
        bind: () => bound(address, port.hostPort),
        onBound: (code) => {
          if (code !== undefined && opened.code === undefined && isSettled) forget(address);
          resolve(code);
        },
      });
      services.set(address, service);
    });
  const forget = (address: string): void => {
    const service = services.get(address);
    if (service === undefined) return;
    past = sumOf([past, service.count().traffic]);
    services.delete(address);
    void service.stop();
  };
  let isSettled = false;
  const opened: Opened = {
    port,
    code: undefined,
    settled: Promise.resolve(),
    count: () => {
      const all = [...services.values()].map((service) => service.count());
      return {
        clients: all.reduce((sum, { clients }) => sum + clients, 0),
        traffic: sumOf([past, ...all.map(({ traffic }) => traffic)]),
      };
    },
    close: async () => {
      await Promise.all([...services.values()].map(({ stop }) => stop()));
    },
    look: () => {
      if (port.hostIp !== '' || opened.code !== undefined) return;
      const wanted = addressesFor(port);
      for (const address of wanted) if (!services.has(address)) void open(address);
      for (const address of services.keys()) if (!wanted.includes(address)) forget(address);
    },
  };
  opened.settled = Promise.all(addressesFor(port).map(open)).then((codes) => {
    opened.code = codes.find((code) => code !== undefined);
    isSettled = true;
  });
  return opened;
}

export function addressesFor({ hostIp }: Pick<Port, 'hostIp'>): string[] {
  if (hostIp !== '') return [hostIp];
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  // Those of a link need its name as well.
  return [...new Set(all.filter(({ scopeid = 0 }) => scopeid === 0).map(({ address }) => address))];
}

export function bound(address: string, port: number, ipv6Only = true): Promise<Socket> {
  // EINVAL for a socket of IPv4.
  const socket = createSocket(address.includes(':') ? { type: 'udp6', ipv6Only } : { type: 'udp4' });
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once('error', fail).bind({ address, port, exclusive: true }, () => {
      socket.off('error', fail);
      resolve(socket);
    });
  });
}
