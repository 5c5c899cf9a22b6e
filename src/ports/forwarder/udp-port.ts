import { createSocket, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { errnoCode } from '../../config/errno.js';
import type { Port } from '../port.js';
import { DatagramRelay } from './datagram-relay.js';
import type { Inside } from './inside.js';
import type { Opened } from './opened.js';
import { plainAddress } from './proxy-header.js';
import { NO_TRAFFIC, sumOf } from './traffic.js';

/**
 * Datagrams on the host. Without an address there is a socket for each address of the host, not one for all: from that an answer
 * would have the address that the route back prefers, and a client that asked another one takes it for a stranger's. Addresses
 * that come later are found by looking.
 */
export function openUdpPort(port: Port, inside: Inside): Opened {
  const relays = new Map<string, DatagramRelay>();
  /** Of addresses that are gone. */
  let past = NO_TRAFFIC;
  let closed = false;
  const open = async (address: string): Promise<void> => {
    const socket = await bound(address, port.hostPort);
    if (closed || relays.has(address)) {
      socket.close();
      return;
    }
    const relay = new DatagramRelay(socket, async (client) => {
      const family = plainAddress(client.address).includes(':') ? 6 : 4;
      const { socket: peer, address: to } = await inside.datagrams(port.targetIp, family);
      return { socket: peer, address: to, port: port.targetPort };
    });
    relays.set(address, relay);
  };
  const opened: Opened = {
    port,
    code: undefined,
    settled: Promise.all(addressesFor(port).map(open)).then(
      () => undefined,
      (error: unknown) => void (opened.code = errnoCode(error) ?? 'EIO'),
    ),
    clients: () => [...relays.values()].reduce((sum, { clients }) => sum + clients, 0),
    traffic: () => sumOf([past, ...[...relays.values()].map(({ traffic }) => traffic)]),
    close: () => {
      closed = true;
      for (const relay of relays.values()) relay.close();
    },
    look: () => {
      for (const relay of relays.values()) relay.look();
      if (port.hostIp !== '' || opened.code !== undefined) return;
      const wanted = addressesFor(port);
      for (const address of wanted) if (!relays.has(address)) open(address).catch(() => undefined);
      for (const [address, relay] of relays) {
        if (wanted.includes(address)) continue;
        past = sumOf([past, relay.traffic]);
        relay.close();
        relays.delete(address);
      }
    },
  };
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
