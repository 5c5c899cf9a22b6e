import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Order, Report } from './channel.js';
import { ownAddresses } from './own-address.js';

/**
 * The forwarder's other half, on the shared network: connects and listens there, and sends each socket outwards by the channel
 * that the forwarder has given it. It reads nothing of what goes over them, and has no socket but for a moment.
 *
 * In O, so that nobody inside can get at it, its memory or its channel; see docs/ports.md.
 */
export class Connector {
  private readonly connecting = new Map<number, Socket>();
  private readonly listeners = new Map<number, Server[]>();

  constructor(private readonly send: (report: Report, socket?: Socket | DatagramSocket, sent?: () => void) => void) {}

  obey(order: Order): void {
    switch (order.kind) {
      case 'connect':
        this.connect(order.id, order.host === '' ? ownAddresses(order.family) : [order.host], order.port);
        return;
      case 'cancel':
        this.connecting.get(order.id)?.destroy();
        if (this.connecting.delete(order.id)) this.send({ kind: 'failed', id: order.id, code: 'ECANCELED' });
        return;
      case 'datagrams':
        this.makeDatagrams(order.id, order.host === '' ? ownAddresses(order.family)[0] : order.host);
        return;
      case 'listen':
        if (order.protocol === 'tcp') void this.listen(order.id, order.port);
        else void this.bind(order.id, order.port);
        return;
      case 'close':
        for (const server of this.listeners.get(order.id) ?? []) server.close();
        this.listeners.delete(order.id);
    }
  }

  private connect(id: number, [host, ...others]: readonly string[], port: number): void {
    if (host === undefined) {
      this.send({ kind: 'failed', id, code: 'EADDRNOTAVAIL' });
      return;
    }
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    this.connecting.set(id, socket);
    socket.once('error', (error) => {
      if (!this.connecting.delete(id)) return;
      const { code = 'EIO' } = error as NodeJS.ErrnoException;
      if (code === 'ECONNREFUSED' && others.length > 0) this.connect(id, others, port);
      else this.send({ kind: 'failed', id, code });
    });
    socket.once('connect', () => {
      if (!this.connecting.delete(id)) return;
      socket.pause();
      this.send({ kind: 'connected', id }, socket);
    });
  }

  private makeDatagrams(id: number, host: string | undefined): void {
    if (host === undefined) {
      this.send({ kind: 'failed', id, code: 'EADDRNOTAVAIL' });
      return;
    }
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const fail = (error: NodeJS.ErrnoException): void => {
      socket.close();
      this.send({ kind: 'failed', id, code: error.code ?? 'EIO' });
    };
    socket.once('error', fail);
    socket.bind(0, () => {
      socket.off('error', fail);
      this.send({ kind: 'datagrams', id, address: host }, socket, () => socket.close());
    });
  }

  /** On ::1 as well, where there is one. */
  private async listen(id: number, port: number): Promise<void> {
    const servers: Server[] = [];
    this.listeners.set(id, servers);
    for (const host of LOOPBACKS) {
      const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
        // Node would keep count of it on both sides of the channel.
        (socket as { server?: Server | undefined }).server = undefined;
        this.send({ kind: 'accepted', id }, socket);
      });
      const code = await new Promise<string | undefined>((resolve) => {
        server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'EIO'));
        server.listen({ port, host, backlog: 4096, exclusive: true }, () => resolve(undefined));
      });
      if (code === undefined) servers.push(server);
      else if (!isAbsent(code)) {
        this.obey({ kind: 'close', id });
        this.send({ kind: 'failed', id, code });
        return;
      }
    }
    this.send({ kind: 'listening', id });
  }

  /** The socket itself goes out: what comes in by it is read there. */
  private async bind(id: number, port: number): Promise<void> {
    for (const host of LOOPBACKS) {
      const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4' });
      const code = await new Promise<string | undefined>((resolve) => {
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'EIO'));
        socket.bind({ port, address: host, exclusive: true }, () => resolve(undefined));
      });
      if (code === undefined) this.send({ kind: 'accepted', id }, socket, () => socket.close());
      else {
        socket.close();
        if (!isAbsent(code)) {
          this.send({ kind: 'failed', id, code });
          return;
        }
      }
    }
    this.send({ kind: 'listening', id });
  }
}

const LOOPBACKS = ['127.0.0.1', '::1'];

function isAbsent(code: string): boolean {
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
}
