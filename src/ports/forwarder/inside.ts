import type { ChildProcess } from 'node:child_process';
import { Socket as DatagramSocket } from 'node:dgram';
import { Socket, type Server } from 'node:net';
import { errnoCode } from '../../config/errno.js';
import { continueProcess, identifyProcess, isStopped } from '../../state/process.js';
import type { Protocol } from '../specification.js';
import { readReport, type Count, type Order, type Report, type Target } from './channel.js';
import { reset } from './relay.js';
import { NO_TRAFFIC } from './traffic.js';

/** Longer without a word than any order takes: it hangs. */
const SILENT_MS = 30_000;
/** Counting is quick; where it isn't, the last one is told. */
const COUNT_MS = 800;

/** What a listener inside gives. */
export interface Listener {
  protocol: Protocol;
  port: number;
  onSocket: (socket: Socket | DatagramSocket) => void;
  onFailed: (code: string) => void;
  onListening: () => void;
}

/** A socket of the host's that the connector serves. */
export interface Service extends Target {
  /** It is bound again for each connector that is started. */
  bind: () => Promise<Server | DatagramSocket>;
  /** After each time; `code`: why it isn't bound. */
  onBound: (code: string | undefined) => void;
}

/**
 * The connector (connector.ts) as the forwarder has it: started, told what to serve, and started again when it dies, woken up
 * when it is stopped. `start` makes a process with a channel.
 */
export class Inside {
  private child: ChildProcess | undefined;
  private lastId = 0;
  private startedAt = 0;
  private restarts = 0;
  private closed = false;
  /** Once it has said its first word. */
  readonly ready: Promise<void>;
  private becomeReady: () => void = () => undefined;
  private readonly services = new Map<number, Service>();
  /** A service is bound by one at a time. */
  private readonly binding = new Map<number, Promise<void>>();
  private readonly listeners = new Map<number, Listener>();
  /** Orders that are answered once. */
  private readonly waiting = new Map<number, { since: number; answered: () => void }>();
  private counts: Readonly<Record<string, Count>> = {};

  constructor(private readonly start: () => ChildProcess) {
    this.ready = new Promise((resolve) => (this.becomeReady = resolve));
    this.launch();
  }

  /** Serve a socket of the host's, also after a restart. @returns what ends that, with its clients, and their number. */
  serve(service: Service): { stop: () => Promise<void>; count: () => Count } {
    const id = ++this.lastId;
    this.services.set(id, service);
    void this.hand(id, service);
    return {
      stop: async () => {
        this.services.delete(id);
        await this.binding.get(id);
        await this.ask(id, { kind: 'close', id });
      },
      count: () => this.counts[String(id)] ?? NOTHING,
    };
  }

  /** Listen on the loopback there, also after a restart. @returns what ends that. */
  listen(listener: Listener): () => Promise<void> {
    const id = ++this.lastId;
    this.listeners.set(id, listener);
    this.tell({ kind: 'listen', id, protocol: listener.protocol, port: listener.port });
    return () => {
      this.listeners.delete(id);
      return this.ask(id, { kind: 'close', id });
    };
  }

  /** Have the numbers of clients and bytes known, or those of before. */
  async refresh(): Promise<void> {
    const id = ++this.lastId;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, COUNT_MS)));
    await Promise.race([this.ask(id, { kind: 'count', id }), late]);
    clearTimeout(timer);
  }

  /** Called again and again. To wake one up that was stopped costs no connection; to end one that hangs costs all. */
  watch(): void {
    const oldest = this.waiting.values().next().value;
    const known = identifyProcess(this.child?.pid ?? 0);
    if (known !== undefined && isStopped(known)) continueProcess(known);
    else if (oldest !== undefined && performance.now() - oldest.since > SILENT_MS) this.child?.kill('SIGKILL');
    else if (oldest === undefined) void this.refresh();
  }

  close(): void {
    this.closed = true;
    this.child?.kill('SIGKILL');
  }

  private launch(): void {
    const child = this.start();
    this.child = child;
    this.startedAt = performance.now();
    this.counts = {};
    child.on('message', (message, handle) => this.hear(message, handle));
    child.on('error', () => undefined);
    let over = false;
    const gone = (): void => {
      if (over) return;
      over = true;
      this.child = undefined;
      for (const { answered } of [...this.waiting.values()]) answered();
      if (this.closed) return;
      const lived = performance.now() - this.startedAt > 10_000;
      this.restarts = lived ? 0 : this.restarts + 1;
      setTimeout(() => this.launch(), this.restarts <= 1 ? 0 : Math.min(100 * this.restarts, 1000));
    };
    child.once('exit', gone).once('error', gone);
    for (const [id, { protocol, port }] of this.listeners) this.tell({ kind: 'listen', id, protocol, port });
    for (const [id, service] of this.services) void this.hand(id, service);
  }

  /** Bind it and hand it over. Where the connector has died meanwhile, the next one is handed another one. */
  private hand(id: number, service: Service): Promise<void> {
    const before = this.binding.get(id) ?? Promise.resolve();
    const turn = before.then(() => this.bindAndSend(id, service));
    this.binding.set(id, turn);
    void turn.then(() => {
      if (this.binding.get(id) === turn) this.binding.delete(id);
    });
    return turn;
  }

  private async bindAndSend(id: number, service: Service): Promise<void> {
    const { child } = this;
    if (child === undefined || this.services.get(id) !== service) return;
    let socket: Server | DatagramSocket;
    try {
      socket = await service.bind();
    } catch (error) {
      service.onBound(errnoCode(error) ?? 'EIO');
      return;
    }
    // Nobody listens for what comes in between: a datagram may be lost.
    const close = (): void => void socket.close();
    if (this.child !== child || this.services.get(id) !== service || !child.connected) {
      close();
      return;
    }
    if (!(socket instanceof DatagramSocket)) {
      socket.on('connection', (client: Socket) => {
        // Node would keep count of it on both sides of the channel.
        (client as { server?: Server | undefined }).server = undefined;
        this.tell({ kind: 'client', id }, client);
      });
    }
    const { protocol, host, port, proxyProtocol } = service;
    this.tell({ kind: 'serve', id, protocol, host, port, proxyProtocol }, socket, close);
    service.onBound(undefined);
  }

  private tell(order: Order, socket?: Server | Socket | DatagramSocket, sent?: () => void): void {
    if (this.child?.connected !== true) sent?.();
    // Node's types know of no datagram sockets here, but it sends them (child_process, subprocess.send).
    else this.child.send(order, socket as Socket | undefined, {}, () => sent?.());
  }

  /** Resolves when it is answered, or when nobody is there who could. */
  private ask(id: number, order: Order): Promise<void> {
    if (this.child?.connected !== true) return Promise.resolve();
    return new Promise((resolve) => {
      const answered = (): void => {
        this.waiting.delete(id);
        resolve();
      };
      this.waiting.set(id, { since: performance.now(), answered });
      this.tell(order);
    });
  }

  private hear(message: unknown, handle: unknown): void {
    const report = readReport(message);
    const taken = report !== undefined && this.take(report, handle);
    if (!taken) discard(handle);
  }

  /** @returns whether somebody has the socket now. */
  private take(report: Report, handle: unknown): boolean {
    if (report.kind === 'ready') {
      this.becomeReady();
      return false;
    }
    const listener = this.listeners.get(report.id);
    switch (report.kind) {
      case 'failed':
        listener?.onFailed(report.code);
        return false;
      case 'listening':
        listener?.onListening();
        return false;
      case 'counts':
        this.counts = report.counts;
        this.waiting.get(report.id)?.answered();
        return false;
      case 'closed':
        this.waiting.get(report.id)?.answered();
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

const NOTHING: Count = { clients: 0, traffic: NO_TRAFFIC };

function discard(handle: unknown): void {
  if (handle instanceof Socket) reset(handle);
  else if (handle instanceof DatagramSocket) handle.close();
}
