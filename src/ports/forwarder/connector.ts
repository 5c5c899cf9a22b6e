import { createSocket, Socket as DatagramSocket } from 'node:dgram';
import { createServer, Server, Socket } from 'node:net';
import type { Order, Report } from './channel.js';
import { TcpService } from './tcp-service.js';
import { UdpService } from './udp-service.js';

/**
 * The forwarder's other half, on the shared network: it has clients and data. By the channel come sockets of the host's that
 * listen, and by the same way what it accepts on the loopback inside goes out, for the forwarder to connect on the host.
 *
 * In O, so that nobody inside can get at it, its memory, its sockets or its channel; see docs/ports.md.
 */
export class Connector {
  private readonly services = new Map<number, TcpService | UdpService>();
  private readonly listeners = new Map<number, Server[]>();

  constructor(private readonly send: (report: Report, socket?: Socket | DatagramSocket, sent?: () => void) => void) {}

  obey(order: Order, handle: unknown): void {
    switch (order.kind) {
      case 'serve':
        if (handle instanceof Server) this.services.set(order.id, new TcpService(handle, order));
        else if (handle instanceof DatagramSocket) this.services.set(order.id, new UdpService(handle, order));
        return;
      case 'client': {
        const service = this.services.get(order.id);
        if (service instanceof TcpService && handle instanceof Socket) service.take(handle);
        return;
      }
      case 'listen':
        if (order.protocol === 'tcp') void this.listen(order.id, order.port);
        else void this.bind(order.id, order.port);
        return;
      case 'close':
        this.services.get(order.id)?.close();
        this.services.delete(order.id);
        for (const server of this.listeners.get(order.id) ?? []) server.close();
        this.listeners.delete(order.id);
        this.send({ kind: 'closed', id: order.id });
        return;
      case 'count': {
        for (const service of this.services.values()) if (service instanceof UdpService) service.look();
        const counts = Object.fromEntries([...this.services].map(([id, service]) => [String(id), service.count()]));
        this.send({ kind: 'counts', id: order.id, counts });
      }
    }
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
        for (const other of servers) other.close();
        this.listeners.delete(id);
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
