import type { RemoteInfo, Socket } from 'node:dgram';
import { NO_TRAFFIC, type Traffic } from './traffic.js';

/** As long as a client is silent it may still be answered; docker's proxy waits as long. */
const IDLE_MS = 90_000;
/** More at a time than any server of a development machine has; each costs a descriptor. */
const MOST_CLIENTS = 2000;
/** What a client may say before its socket is there. */
const MOST_WAITING = 32;

/** A socket for what one client says, and where it goes. */
export interface Peer {
  socket: Socket;
  address: string;
  port: number;
}

interface Session {
  client: RemoteInfo;
  lastAt: number;
  waiting: Buffer[] | undefined;
  peer: Peer | undefined;
}

/**
 * Datagrams of a listening socket, each client's by a socket of its own, by which the answers find back: UDP has no
 * connections, so a client is who has been silent for no longer than a while.
 */
export class DatagramRelay {
  private readonly sessions = new Map<string, Session>();
  readonly traffic: Traffic = { ...NO_TRAFFIC };

  constructor(
    private readonly listener: Socket,
    /** A socket for this client; nothing is sent before. */
    private readonly open: (client: RemoteInfo) => Promise<Peer>,
  ) {
    listener.on('message', (message, client) => this.pass(message, client));
    // An earlier answer didn't arrive: nobody to tell.
    listener.on('error', () => undefined);
  }

  get clients(): number {
    return this.sessions.size;
  }

  /** Forget who has been silent. */
  look(now = performance.now()): void {
    for (const [key, { lastAt }] of this.sessions) if (now - lastAt > IDLE_MS) this.forget(key);
  }

  close(): void {
    this.listener.close();
    for (const key of [...this.sessions.keys()]) this.forget(key);
  }

  private pass(message: Buffer, client: RemoteInfo): void {
    const key = `${client.address} ${client.port}`;
    const session = this.sessions.get(key) ?? this.begin(key, client);
    session.lastAt = performance.now();
    this.traffic.received += message.length;
    if (session.peer !== undefined) send(session.peer, message);
    else if ((session.waiting?.length ?? MOST_WAITING) < MOST_WAITING) session.waiting?.push(message);
  }

  private begin(key: string, client: RemoteInfo): Session {
    if (this.sessions.size >= MOST_CLIENTS) this.forgetOldest();
    const session: Session = { client, lastAt: 0, waiting: [], peer: undefined };
    this.sessions.set(key, session);
    this.traffic.connections += 1;
    this.open(client).then(
      (peer) => this.connect(key, session, peer),
      () => {
        this.traffic.failed += 1;
        this.forget(key);
      },
    );
    return session;
  }

  private connect(key: string, session: Session, peer: Peer): void {
    if (this.sessions.get(key) !== session) {
      peer.socket.close();
      return;
    }
    session.peer = peer;
    const { client } = session;
    peer.socket.on('error', () => undefined);
    peer.socket.on('message', (answer, from) => {
      // Nobody else may answer in the server's place.
      if (from.port !== peer.port || from.address !== peer.address) return;
      session.lastAt = performance.now();
      this.traffic.sent += answer.length;
      this.listener.send(answer, client.port, client.address, () => undefined);
    });
    for (const message of session.waiting ?? []) send(peer, message);
    session.waiting = undefined;
  }

  private forget(key: string): void {
    this.sessions.get(key)?.peer?.socket.close();
    this.sessions.delete(key);
  }

  private forgetOldest(): void {
    let oldest = { key: '', lastAt: Infinity };
    for (const [key, { lastAt }] of this.sessions) if (lastAt < oldest.lastAt) oldest = { key, lastAt };
    this.forget(oldest.key);
  }
}

function send({ socket, port, address }: Peer, message: Buffer): void {
  // As on a network, what can't be delivered is lost.
  socket.send(message, port, address, () => undefined);
}
