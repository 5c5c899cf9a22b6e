import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Count, Target } from './channel.js';
import { ownAddresses } from './own-address.js';
import { plainAddress, proxyHeader } from './proxy-header.js';
import { relay, reset } from './relay.js';
import { Clients } from './traffic.js';

/** A server that is there takes a connection at once: what is in the same kernel doesn't lose packets. */
const CONNECT_MS = 800;
/** A machine that is gone without a word is noticed after that and some probes of tcp(7). */
const KEEP_ALIVE_MS = 60_000;
export const BACKLOG = 4096;

/** Clients of a socket that listens on the host, connected to a server on the shared network. */
export class TcpService {
  private readonly clients = new Clients();
  private readonly server: Server;

  /** @param listening - it goes on as ours. */
  constructor(
    listening: Server,
    private readonly target: Target,
  ) {
    const options = {
      ...{ allowHalfOpen: true, pauseOnConnect: true, noDelay: true },
      ...{ keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
    };
    this.server = createServer(options, (client) => this.take(client));
    this.server.on('error', () => undefined);
    // What came from a channel knows none of these options.
    this.server.listen(listening, BACKLOG);
  }

  take(client: Socket): void {
    client.on('error', () => undefined);
    this.clients.add(client);
    const { host, port } = this.target;
    const family = plainAddress(client.remoteAddress).includes(':') ? 6 : 4;
    this.connect(client, host === '' ? ownAddresses(family) : [host], port);
  }

  count(): Count {
    return { clients: this.clients.size, traffic: this.clients.traffic() };
  }

  close(): void {
    this.server.close();
    for (const client of this.clients) reset(client);
  }

  private connect(client: Socket, [host, ...others]: readonly string[], port: number): void {
    const giveUp = (): void => {
      this.clients.noteFailed();
      reset(client);
    };
    if (host === undefined) {
      giveUp();
      return;
    }
    const server = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const timer = setTimeout(() => server.destroy(new Error('timed out')), CONNECT_MS);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      const isRefused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
      if (isRefused && others.length > 0) this.connect(client, others, port);
      else giveUp();
    };
    server.once('error', fail).once('connect', () => {
      clearTimeout(timer);
      server.off('error', fail);
      if (client.destroyed) {
        reset(server);
        return;
      }
      const { proxyProtocol } = this.target;
      if (proxyProtocol !== undefined) server.write(proxyHeader(proxyProtocol, endsOf(client)));
      relay(client, server);
    });
  }
}

function endsOf(client: Socket): Parameters<typeof proxyHeader>[1] {
  return {
    from: { address: plainAddress(client.remoteAddress), port: client.remotePort ?? 0 },
    to: { address: plainAddress(client.localAddress), port: client.localPort ?? 0 },
  };
}
