import type { ProxyProtocol } from '../port.js';
import type { Protocol } from '../specification.js';
import type { Traffic } from './traffic.js';

/**
 * What forwarder and connector say to each other. The connector is on the shared network; both are in O, so no process inside can
 * get at either, at what they have open, or at the channel. The forwarder makes the host's sockets that listen and hands them
 * to the connector, once for each port: from then on a connection costs no word between the two.
 */
export type Order =
  /** With a socket of the host's that listens: connect its clients. */
  | ({ kind: 'serve'; id: number } & Target)
  /** With a client that came before the connector had that socket. */
  | { kind: 'client'; id: number }
  /** Listen on the loopback there, both families, and hand out what comes. */
  | { kind: 'listen'; id: number; protocol: Protocol; port: number }
  | { kind: 'close'; id: number }
  /** What has gone over each. */
  | { kind: 'count'; id: number };

/** Where clients are connected to. */
export interface Target {
  protocol: Protocol;
  /** Empty: the namespace itself, first by the family of the client. */
  host: string;
  port: number;
  proxyProtocol: ProxyProtocol | undefined;
}

/** Of one order to serve. */
export interface Count {
  clients: number;
  traffic: Traffic;
}

export type Report =
  /** First of all. */
  | { kind: 'ready' }
  /** To an order to listen: nothing but this; for datagrams there is a socket with each. */
  | { kind: 'listening'; id: number }
  | { kind: 'accepted'; id: number }
  | { kind: 'failed'; id: number; code: string }
  | { kind: 'closed'; id: number }
  | { kind: 'counts'; id: number; counts: Record<string, Count> };

const KINDS = ['listening', 'accepted', 'failed', 'closed', 'counts'];

/**
 * The connector is out of the reach of those inside, but speaks with what is theirs: whatever it says is looked at.
 *
 * @returns undefined for what is no report.
 */
export function readReport(message: unknown): Report | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { kind, id, code, counts } = message as Record<string, unknown>;
  if (kind === 'ready') return { kind };
  if (typeof kind !== 'string' || !KINDS.includes(kind)) return undefined;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) return undefined;
  if (kind === 'failed') {
    return { kind, id, code: typeof code === 'string' && /^E[A-Z0-9_]{1,40}$/.test(code) ? code : 'EIO' };
  }
  if (kind === 'counts') return { kind, id, counts: readCounts(counts) };
  return { kind: kind as 'closed', id };
}

function readCounts(counts: unknown): Record<string, Count> {
  if (typeof counts !== 'object' || counts === null) return {};
  const read = Object.entries(counts).map(([id, count]): [string, Count] => {
    const { clients, traffic } = (count ?? {}) as { clients?: unknown; traffic?: Record<string, unknown> };
    const read = (name: keyof Traffic): number => readNumber(traffic?.[name]);
    const [connections, failed] = [read('connections'), read('failed')];
    const [received, sent] = [read('received'), read('sent')];
    return [id, { clients: readNumber(clients), traffic: { connections, failed, received, sent } }];
  });
  return Object.fromEntries(read);
}

const readNumber = (value: unknown): number => (typeof value === 'number' && value >= 0 ? value : 0);
