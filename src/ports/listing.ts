import type { StateDirectory } from '../state/directory.js';
import { askForwarder } from './control.js';
import { readPorts } from './desired.js';
import type { Traffic } from './forwarder/traffic.js';
import type { Owner, Port } from './port.js';
import { keepsSource, SOURCES, type ForwarderName, type Sources } from './sources.js';

/** A port as `rnetns port list --json` has it. */
export interface ListedPort {
  /** Where it listens on the host; empty: on all addresses. With `toHost` empty. */
  hostIp: string;
  /** The port on the host. */
  hostPort: number;
  /** Whose port it leads to, a container's address; empty: the namespace's own. */
  targetIp: string;
  /** The port inside. */
  targetPort: number;
  /** `tcp` or `udp`. */
  protocol: 'tcp' | 'udp';
  /** The other way: a port of the host's loopback, at the loopback inside. */
  toHost: boolean;
  /** What it goes with: a reference by its id, a process, or the namespace. */
  owner: {
    /** `namespace`: neither id nor pid. A container on a network has the reference of its id. */
    kind: 'reference' | 'process' | 'namespace';
    /** Of the reference. */
    id: string | null;
    /** Of the process. */
    pid: number | null;
  };
  /** Where the container whose port it is, the one of the reference's id, is attached; null for what is no container's. */
  attachment: {
    /** CNI's name of the network; netavark's id. */
    network: string;
    /** The container's on that network. */
    interface: string;
  } | null;
  /** What forwards it. */
  forwarder: ForwarderName;
  /** Does the server see the address of a client on another machine as the source? */
  keepsSource: boolean;
  /** Whose address it sees, by where the client is; null with `toHost`: the service on the host sees its loopback. */
  sources: Sources | null;
  /** The version of the PROXY header by which the server is told of the client; null: none. */
  proxyProtocol: 'v1' | 'v2' | null;
  /** Why it doesn't listen; null when it does. */
  problem: string | null;
  /** Connections, or clients of UDP, now. */
  clients: number | null;
  /** Since this forwarder has opened it; null where none runs or it doesn't count. */
  counters: Traffic | null;
}

const ANSWER_MS = 5000;

export async function listPorts(state: StateDirectory, timeoutMs = ANSWER_MS): Promise<ListedPort[]> {
  const ports = readPorts(state);
  if (ports.size === 0) return [];
  const states = (await askForwarder(state, { names: null }, timeoutMs)) ?? {};
  return [...ports]
    .map(([name, port]) => {
      const now = states[name];
      const problem = now === undefined ? 'no forwarder runs' : now.code;
      return { ...asListed(port), problem, clients: now?.clients ?? null, counters: now?.traffic ?? null };
    })
    .sort((one, other) => one.hostPort - other.hostPort || one.protocol.localeCompare(other.protocol));
}

function asListed({ owner, proxyProtocol, ...port }: Port): Omit<ListedPort, 'problem' | 'clients' | 'counters'> {
  const forwarder = 'rnetns';
  return {
    ...{ hostIp: port.hostIp, hostPort: port.hostPort, targetIp: port.targetIp, targetPort: port.targetPort },
    ...{ protocol: port.protocol, toHost: port.toHost },
    owner: listedOwner(owner),
    attachment: owner.kind === 'attachment' ? { network: owner.network, interface: owner.ifName } : null,
    ...{
      forwarder,
      keepsSource: !port.toHost && keepsSource(forwarder),
      sources: port.toHost ? null : SOURCES[forwarder],
    },
    proxyProtocol: proxyProtocol ?? null,
  };
}

function listedOwner(owner: Owner): ListedPort['owner'] {
  return {
    kind: owner.kind === 'attachment' ? 'reference' : owner.kind,
    id: owner.kind === 'reference' ? owner.id : owner.kind === 'attachment' ? owner.container : null,
    pid: owner.kind === 'process' ? owner.process.pid : null,
  };
}
