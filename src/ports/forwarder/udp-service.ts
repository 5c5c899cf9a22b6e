import { createSocket, type Socket } from 'node:dgram';
import type { Count, Target } from './channel.js';
import { DatagramRelay, type Peer } from './datagram-relay.js';
import { ownAddresses } from './own-address.js';
import { plainAddress } from './proxy-header.js';

/** Datagrams that come to a socket of the host, for a server on the shared network. */
export class UdpService {
  private readonly relay: DatagramRelay;

  constructor(socket: Socket, { host, port }: Target) {
    this.relay = new DatagramRelay(socket, (client) => {
      const family = plainAddress(client.address).includes(':') ? 6 : 4;
      return openPeer(host === '' ? ownAddresses(family)[0] : host, port);
    });
  }

  count(): Count {
    return { clients: this.relay.clients, traffic: this.relay.traffic };
  }

  look(): void {
    this.relay.look();
  }

  close(): void {
    this.relay.close();
  }
}

function openPeer(address: string | undefined, port: number): Promise<Peer> {
  if (address === undefined) return Promise.reject(new Error('the namespace has no address'));
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once('error', fail).bind(0, () => {
      socket.off('error', fail);
      resolve({ socket, address, port });
    });
  });
}
