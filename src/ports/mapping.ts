import { formatIp, isMulticast, parseIp } from '../plan/ip.js';
import type { PortRequest, Protocol } from './specification.js';

/** A port of a container as CNI and netavark have it, whatever the names of its fields are. */
export interface MappingFields {
  hostIp: unknown;
  hostPort: unknown;
  containerPort: unknown;
  /** Needed, for there is none in the rules that portmap and netavark make where it is missing. */
  protocol: unknown;
  /** How many, one after the other on both sides; 1 where it is missing or 0. */
  range?: unknown;
}

/**
 * The ports that it asks for.
 *
 * @param refuse - throws an error that says of which field (by its name here) what is wrong.
 */
export function readMapping(
  fields: MappingFields,
  refuse: (field: keyof MappingFields, why: string) => never,
): PortRequest[] {
  const hostPort = readPort(fields.hostPort, 'hostPort', refuse);
  const containerPort = readPort(fields.containerPort, 'containerPort', refuse);
  const range = fields.range == null || fields.range === 0 ? 1 : fields.range;
  if (!Number.isInteger(range) || Number(range) < 1) refuse('range', `must be a number of ports, not ${word(range)}`);
  const count = Number(range);
  if (Math.max(hostPort, containerPort) + count - 1 > 65535) refuse('range', `${count} ports end beyond 65535`);
  const hostIp = readHostIp(fields.hostIp, refuse);
  const protocol = readProtocol(fields.protocol, refuse);
  return Array.from({ length: count }, (_, index) => ({
    ...{ protocol, hostIp, hostPort: hostPort + index, targetIp: '', targetPort: containerPort + index },
  }));
}

type Refuse = (field: keyof MappingFields, why: string) => never;

function readPort(value: unknown, field: 'hostPort' | 'containerPort', refuse: Refuse): number {
  if (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65535) return Number(value);
  return refuse(field, `must be 1 to 65535, not ${word(value)}`);
}

function readProtocol(value: unknown, refuse: Refuse): Protocol {
  const protocol = typeof value === 'string' ? value.toLowerCase() : undefined;
  if (protocol === 'tcp' || protocol === 'udp') return protocol;
  if (protocol === 'sctp') return refuse('protocol', 'must be tcp or udp: SCTP cannot be forwarded to the host');
  return refuse('protocol', `must be tcp or udp, not ${word(value)}`);
}

function readHostIp(value: unknown, refuse: Refuse): string {
  if (value == null || value === '') return '';
  const ip = typeof value === 'string' ? parseIp(value) : undefined;
  if (ip === undefined) return refuse('hostIp', `must be an address of the host, not ${word(value)}`);
  if (ip.kind === 'ipv6' && ip.zone !== undefined) return refuse('hostIp', 'has a zone');
  return isMulticast(ip) ? refuse('hostIp', 'is a multicast address') : formatIp(ip);
}

function word(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}
