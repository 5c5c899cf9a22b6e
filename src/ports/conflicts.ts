import { hostSide, describeOwner, type Port } from './port.js';
import type { PortRequest } from './specification.js';

/** A port of this or another namespace of the caller's. */
export interface Published {
  namespace: string;
  port: Port;
}

/** Why a port can't be had, and what to do. */
export interface Conflict {
  why: string;
  hint: string;
}

/** Would both listen on the same address of the host? One that is to be chosen is nobody's. */
export function overlaps(one: PortRequest, other: PortRequest): boolean {
  return (
    one.protocol === other.protocol &&
    one.hostPort === other.hostPort &&
    one.hostPort !== 0 &&
    (one.hostIp === other.hostIp || coversBoth(one.hostIp, other.hostIp) || coversBoth(other.hostIp, one.hostIp))
  );
}

function coversBoth(all: string, address: string): boolean {
  if (all === '') return true;
  return (all === '0.0.0.0' && !address.includes(':')) || (all === '::' && address.includes(':'));
}

/** What stands against asking for these, by what is published already and by each other. */
export function findDouble(asked: readonly Port[], published: readonly Published[]): Conflict | undefined {
  for (const [index, port] of asked.entries()) {
    if (asked.slice(0, index).some((earlier) => earlier.toHost === port.toHost && overlaps(earlier, port))) {
      return { why: `${hostSide(port)} is asked for twice`, hint: 'each port of the host leads to one place' };
    }
    // Inside each namespace is a loopback of its own, and the host's service serves all.
    const other = published.find((each) => !port.toHost && !each.port.toHost && overlaps(each.port, port));
    if (other === undefined) continue;
    const { namespace, port: theirs } = other;
    return {
      why: `it is published already as ${hostSide(theirs)}, for ${describeOwner(theirs.owner)} in the namespace ${namespace}`,
      hint: `rnetns port delete --name ${namespace} ${theirs.hostPort}/${theirs.protocol}, or another port`,
    };
  }
  return undefined;
}

/** What else the forwarder has open, with room for the program itself. */
export const OTHER_DESCRIPTORS = 64;

/** A listener takes a descriptor, and each connection two. */
export function findTooMany(count: number, openFiles: number): Conflict | undefined {
  if (count + OTHER_DESCRIPTORS <= openFiles) return undefined;
  return {
    why: `${count} ports take more descriptors than the limit of ${openFiles} leaves`,
    hint: 'publish fewer at a time, or raise the hard limit on open files: LimitNOFILE= in a systemd unit, ulimit -Hn',
  };
}

export interface RefusedFacts {
  /** Who listens there, as far as /proc says: `nginx (pid 812)`. */
  user: string | undefined;
  /** net.ipv4.ip_unprivileged_port_start */
  firstUnprivileged: number;
}

/** What the kernel's refusal means. */
export function explainRefusal(port: PortRequest, code: string, { user, firstUnprivileged }: RefusedFacts): Conflict {
  switch (code) {
    case 'EADDRINUSE':
      return {
        why: `it is in use by ${user ?? 'a process that is not shown to you'}`,
        hint: 'publish another port, or leave it out to get a free one',
      };
    case 'EACCES':
      return {
        why: `ports below ${firstUnprivileged} are root's`,
        hint: `publish one from ${firstUnprivileged} on, or let users have it: sudo sysctl net.ipv4.ip_unprivileged_port_start=${port.hostPort}`,
      };
    case 'EADDRNOTAVAIL':
      return {
        why: `the host has no address ${port.hostIp}`,
        hint: 'ip -brief address shows those that it has; without one it listens on all',
      };
    default:
      return { why: `it cannot be opened (${code})`, hint: 'rnetns port list shows what is published' };
  }
}
