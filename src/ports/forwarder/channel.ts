import type { Protocol } from '../specification.js';

/**
 * What forwarder and connector say to each other. The forwarder has the host's sockets; the connector is on the shared network,
 * makes sockets there and hands them out. Nothing of the host's ever goes the other way: a process that has a socket of the
 * host's can connect it to the host's loopback.
 */
export type Order =
  /** A connection to an address there; without one, to the namespace itself, first by the family of the client. */
  | { kind: 'connect'; id: number; host: string; port: number; family: 4 | 6 }
  /** The connection isn't needed any more. */
  | { kind: 'cancel'; id: number }
  /** A socket for datagrams to that address. */
  | { kind: 'datagrams'; id: number; host: string; family: 4 | 6 }
  /** Listen on the loopback there, both families. */
  | { kind: 'listen'; id: number; protocol: Protocol; port: number }
  | { kind: 'close'; id: number };

export type Report =
  /** First of all. */
  | { kind: 'ready' }
  | { kind: 'connected'; id: number }
  | { kind: 'datagrams'; id: number; address: string }
  /** To an order to listen: nothing but this; for datagrams there is a socket with each. */
  | { kind: 'listening'; id: number }
  | { kind: 'accepted'; id: number }
  | { kind: 'failed'; id: number; code: string };

const KINDS = ['connected', 'datagrams', 'listening', 'accepted', 'failed'];

/**
 * The connector is out of the reach of those inside, but speaks with what is theirs: whatever it says is looked at.
 *
 * @returns undefined for what is no report.
 */
export function readReport(message: unknown): Report | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const { kind, id, code, address } = message as Record<string, unknown>;
  if (kind === 'ready') return { kind };
  if (typeof kind !== 'string' || !KINDS.includes(kind)) return undefined;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 1) return undefined;
  if (kind === 'failed') {
    return { kind, id, code: typeof code === 'string' && /^E[A-Z0-9_]{1,40}$/.test(code) ? code : 'EIO' };
  }
  if (kind === 'datagrams') {
    return typeof address === 'string' && /^[0-9a-f.:]{2,45}$/.test(address) ? { kind, id, address } : undefined;
  }
  return { kind: kind as 'connected', id };
}
