import type { CountedNetwork } from '../state/counted.js';
import type { ProcessId } from '../state/process.js';
import type { PortRequest } from './specification.js';

/** Whose a port is: it closes when its owner is gone. */
export type Owner =
  | { kind: 'namespace' }
  | { kind: 'reference'; /** Of `setup`. */ id: string }
  | { kind: 'process'; process: ProcessId }
  | AttachmentOwner;

/** A container on a network, by CNI or netavark: counted by the container's reference, or being attached. */
export interface AttachmentOwner extends CountedNetwork {
  kind: 'attachment';
  container: string;
  /** Who attaches it: until it is counted, the port goes with that process. */
  process: ProcessId;
}

/** The header that tells a server who the client is; its version, as of HAProxy's PROXY protocol. */
export type ProxyProtocol = 'v1' | 'v2';

/** One port that is to be open: a file in the state (desired.ts). */
export interface Port extends PortRequest {
  /** The host's loopback at the loopback inside, not the other way. */
  toHost: boolean;
  proxyProtocol: ProxyProtocol | undefined;
  owner: Owner;
}

/** A port of the host's that leads inside, with nothing out of the ordinary. */
export function plainPort(request: PortRequest): Omit<Port, 'owner'> {
  return { ...request, toHost: false, proxyProtocol: undefined };
}

/** What no two ports of a namespace may have alike, as the name of a file. */
export function nameOf({ toHost, protocol, hostPort, hostIp }: Omit<Port, 'owner'>): string {
  return `${toHost ? 'to-host' : 'publish'}+${protocol}+${hostPort}+${hostIp === '' ? 'any' : hostIp}`;
}

/** `[::1]:8080/tcp`, for messages and for people. */
export function hostSide({ hostIp, hostPort, protocol }: PortRequest): string {
  return `${hostIp === '' ? '*' : bracketed(hostIp)}:${hostPort}/${protocol}`;
}

/** `10.89.0.2:80`, or the port alone where it is the namespace's. */
export function targetSide({ targetIp, targetPort }: PortRequest): string {
  return targetIp === '' ? String(targetPort) : `${bracketed(targetIp)}:${targetPort}`;
}

function bracketed(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

/** "web", "pid 12" or "namespace", for a column. */
export function ownerOfListed({ owner: { id, pid } }: { owner: { id: string | null; pid: number | null } }): string {
  return id ?? (pid === null ? 'namespace' : `pid ${pid}`);
}

export function describeOwner(owner: Owner): string {
  switch (owner.kind) {
    case 'namespace':
      return 'the namespace';
    case 'reference':
      return `the reference ${owner.id}`;
    case 'process':
      return `process ${owner.process.pid}`;
    case 'attachment':
      return `the container ${owner.container} on the network ${owner.network}`;
  }
}
