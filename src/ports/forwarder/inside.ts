import type { ChildProcess } from 'node:child_process';
import { Socket as DatagramSocket } from 'node:dgram';
import { Socket } from 'node:net';
import type { Protocol } from '../specification.js';
import { readReport, type Order } from './channel.js';
import { reset } from './relay.js';

/** A server that is there takes a connection at once: what is in the same kernel doesn't lose packets. */
const CONNECT_MS = 800;
/** Longer without a word than any order takes: it is stopped, or its network is stuck. */
const SILENT_MS = 3000;

/** What a listener inside gives. */
export interface Listener {
  protocol: Protocol;
  port: number;
  onSocket: (socket: Socket | DatagramSocket) => void;
  onFailed: (code: string) => void;
  onListening: () => void;
}

type Answer = { code: string } | { socket: Socket } | { datagrams: DatagramSocket; address: string };

/**
 * The connector (connector.ts) as the forwarder has it: started, asked, and started again when it dies or falls silent. The
 * connections that it has handed out are ours, and stay. `start` makes a process with a channel.
 */
export class Inside {
  private child: ChildProcess | undefined;
  private lastId = 0;
  private heardAt = 0;
  private restarts = 0;
  private closed = false;
  /** Once it has said its first word. */
  readonly ready: Promise<void>;
  private becomeReady: () => void = () => undefined;
  private readonly waiting = new Map<number, { since: number; answer: (answer: Answer) => void }>();
  private readonly listeners = new Map<number, Listener>();

  constructor(private readonly start: () => ChildProcess) {
    this.ready = new Promise((resolve) => (this.becomeReady = resolve));
    this.launch();
  }

  /** @throws Error with a `code` such as ECONNREFUSED, and ETIMEDOUT before a second is over. */
  async connect(host: string, port: number, family: 4 | 6): Promise<Socket> {
    const answer = await this.ask((id) => ({ kind: 'connect', id, host, port, family }));
    if ('socket' in answer) return answer.socket;
    throw failure(answer);
  }

  /** A socket on the shared network, for datagrams to `address` there. */
  async datagrams(host: string, family: 4 | 6): Promise<{ socket: DatagramSocket; address: string }> {
    const answer = await this.ask((id) => ({ kind: 'datagrams', id, host, family }));
    if ('datagrams' in answer) return { socket: answer.datagrams, address: answer.address };
    throw failure(answer);
  }

  /** Listen on the loopback there, also after a restart. @returns what ends that. */
  listen(listener: Listener): () => void {
    const id = ++this.lastId;
    this.listeners.set(id, listener);
    this.tell({ kind: 'listen', id, protocol: listener.protocol, port: listener.port });
    return () => {
      this.listeners.delete(id);
      this.tell({ kind: 'close', id });
    };
  }

  /** Called again and again: a connector that is stopped answers nobody. */
  watch(): void {
    const oldest = this.waiting.values().next().value;
    const now = performance.now();
    if (oldest !== undefined && now - Math.max(oldest.since, this.heardAt) > SILENT_MS) this.child?.kill('SIGKILL');
  }

  close(): void {
    this.closed = true;
    this.child?.kill('SIGKILL');
  }

  private launch(): void {
    const child = this.start();
    this.child = child;
    this.heardAt = performance.now();
    child.on('message', (message, handle) => this.hear(message, handle));
    child.on('error', () => undefined);
    let over = false;
    const gone = (): void => {
      if (over) return;
      over = true;
      this.child = undefined;
      for (const { answer } of [...this.waiting.values()]) answer({ code: 'EPIPE' });
      if (this.closed) return;
      const lived = performance.now() - this.heardAt > 10_000;
      this.restarts = lived ? 0 : this.restarts + 1;
      setTimeout(() => this.launch(), this.restarts <= 1 ? 0 : Math.min(100 * this.restarts, 1000));
    };
    child.once('exit', gone).once('error', gone);
    for (const [id, { protocol, port }] of this.listeners) this.tell({ kind: 'listen', id, protocol, port });
  }

  private tell(order: Order): void {
    if (this.child?.connected === true) this.child.send(order, () => undefined);
  }

  private ask(make: (id: number) => Order): Promise<Answer> {
    if (this.child?.connected !== true) return Promise.resolve({ code: 'EPIPE' });
    return new Promise((resolve) => {
      const id = ++this.lastId;
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        resolve({ code: 'ETIMEDOUT' });
        // Its answer is still waited for: that it comes shows that somebody is there.
        this.tell({ kind: 'cancel', id });
      }, CONNECT_MS);
      const answer = (given: Answer): void => {
        clearTimeout(timer);
        this.waiting.delete(id);
        if (isLate) discard('socket' in given ? given.socket : 'datagrams' in given ? given.datagrams : undefined);
        else resolve(given);
      };
      this.waiting.set(id, { since: performance.now(), answer });
      this.tell(make(id));
    });
  }

  private hear(message: unknown, handle: unknown): void {
    this.heardAt = performance.now();
    const report = readReport(message);
    const taken = report !== undefined && this.take(report, handle);
    if (!taken) discard(handle);
  }

  /** @returns whether somebody has the socket now. */
  private take(report: NonNullable<ReturnType<typeof readReport>>, handle: unknown): boolean {
    if (report.kind === 'ready') {
      this.becomeReady();
      return false;
    }
    const waiting = this.waiting.get(report.id);
    const listener = this.listeners.get(report.id);
    switch (report.kind) {
      case 'failed':
        waiting?.answer({ code: report.code });
        listener?.onFailed(report.code);
        return false;
      case 'connected':
        if (waiting === undefined || !(handle instanceof Socket)) return false;
        waiting.answer({ socket: handle });
        return true;
      case 'datagrams':
        if (waiting === undefined || !(handle instanceof DatagramSocket)) return false;
        waiting.answer({ datagrams: handle, address: report.address });
        return true;
      case 'listening':
        listener?.onListening();
        return false;
      case 'accepted': {
        const isWanted =
          listener?.protocol === 'tcp' ? handle instanceof Socket : listener && handle instanceof DatagramSocket;
        if (isWanted) listener?.onSocket(handle as Socket | DatagramSocket);
        return isWanted === true;
      }
    }
  }
}

function failure(answer: Answer): NodeJS.ErrnoException {
  const code = 'code' in answer ? answer.code : 'EPROTO';
  return Object.assign(new Error(code), { code });
}

function discard(handle: unknown): void {
  if (handle instanceof Socket) reset(handle);
  else if (handle instanceof DatagramSocket) handle.close();
}
