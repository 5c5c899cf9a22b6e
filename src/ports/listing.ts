import type { StateDirectory } from '../state/directory.js';
import { askForwarder } from './control.js';
import { readPorts } from './desired.js';
import type { Port } from './port.js';
import type { Protocol } from './specification.js';

/** A port as `rnetns port list --json` has it. */
export interface ListedPort {
  hostIp: string;
  hostPort: number;
  targetIp: string;
  targetPort: number;
  protocol: Protocol;
  toHost: boolean;
  owner: { kind: 'reference' | 'process' | 'namespace'; id: string | null; pid: number | null };
  forwarder: 'rnetns';
  /** Does the server see the client's address as the source? */
  keepsSource: boolean;
  proxyProtocol: 'v1' | 'v2' | null;
  /** Why it doesn't listen; null when it does. */
  problem: string | null;
  /** Connections, or clients of UDP, now. */
  clients: number | null;
}

const ANSWER_MS = 5000;

export async function listPorts(state: StateDirectory): Promise<ListedPort[]> {
  const ports = readPorts(state);
  if (ports.size === 0) return [];
  const states = (await askForwarder(state, { names: null }, ANSWER_MS)) ?? {};
  return [...ports]
    .map(([name, port]) => {
      const now = states[name];
      const problem = now === undefined ? 'no forwarder runs' : now.code;
      return { ...asListed(port), problem, clients: now?.clients ?? null };
    })
    .sort((one, other) => one.hostPort - other.hostPort || one.protocol.localeCompare(other.protocol));
}

export function asListed({ owner, proxyProtocol, ...port }: Port): Omit<ListedPort, 'problem' | 'clients'> {
  return {
    ...{ hostIp: port.hostIp, hostPort: port.hostPort, targetIp: port.targetIp, targetPort: port.targetPort },
    ...{ protocol: port.protocol, toHost: port.toHost },
    owner: {
      kind: owner.kind,
      id: owner.kind === 'reference' ? owner.id : null,
      pid: owner.kind === 'process' ? owner.process.pid : null,
    },
    ...{ forwarder: 'rnetns', keepsSource: false, proxyProtocol: proxyProtocol ?? null },
  };
}
