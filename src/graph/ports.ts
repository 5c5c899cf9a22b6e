import type { JsonObject } from '../state/json.js';
import { isObject } from '../state/json.js';
import type { ListedPort } from '../ports/listing.js';
import { hostSide, ownerOfListed, targetSide } from '../ports/port.js';
import { sourcesInWords, type ForwarderName } from '../ports/sources.js';
import { openTo } from '../ports/words.js';
import { printable } from '../text/printable.js';
import { count } from '../text/words.js';
import type { Detail, GraphEdge, GraphNode } from './graph.js';

/**
 * The published ports of an attachment, as portmap(8) of CNI was given them: `8080 → 80/tcp`. Others write that file
 * too, so what isn't a mapping is left out.
 *
 * @see https://github.com/containernetworking/cni/blob/main/CONVENTIONS.md#dynamic-plugin-specific-fields-capabilities--runtime-configuration
 */
export function publishedPorts({ portMappings }: JsonObject): string[] {
  if (!Array.isArray(portMappings)) return [];
  return portMappings.filter(isObject).flatMap(({ hostPort, containerPort, protocol = 'tcp', hostIP }) => {
    if (!isPort(hostPort) || !isPort(containerPort) || typeof protocol !== 'string') return [];
    const host =
      typeof hostIP !== 'string' || hostIP === '' ? '' : hostIP.includes(':') ? `[${hostIP}]:` : `${hostIP}:`;
    return [printable(`${host}${hostPort} → ${containerPort}/${protocol.toLowerCase()}`)];
  });
}

/** More of them than this are counted, not listed. */
const LISTED = 8;

/** A node for each forwarder, and what hangs on it. */
export function portsNodes(ports: readonly ListedPort[]): { nodes: GraphNode[]; edges: GraphEdge[] } {
  const byForwarder = new Map<ForwarderName, ListedPort[]>();
  for (const port of ports) {
    const others = byForwarder.get(port.forwarder);
    if (others === undefined) byForwarder.set(port.forwarder, [port]);
    else others.push(port);
  }
  const nodes = [...byForwarder].map(([name, own]) => portsNode(name, own));
  const edges = nodes.flatMap(({ id, health }): GraphEdge[] => [
    { from: 'host', to: id, details: [], health },
    { from: id, to: 'netns', details: [], health },
  ]);
  return { nodes, edges };
}

function portsNode(forwarder: ForwarderName, ports: readonly ListedPort[]): GraphNode {
  const more = ports.length - LISTED;
  // What is wrong comes first, or it would be among those that are counted.
  const sorted = [...ports].sort((a, b) => Number(b.problem !== null) - Number(a.problem !== null));
  return {
    id: `ports:${forwarder}`,
    kind: 'ports',
    title: `${count(ports.length, 'port')} by ${forwarder}`,
    details: [
      ...sorted.slice(0, LISTED).map(describePort),
      ...(more > 0 ? [{ label: `and ${count(more, 'other')}`, values: [] }] : []),
      ...(ports.some(({ toHost }) => !toHost) ? [{ label: 'clients are', values: [sourcesInWords(forwarder)] }] : []),
    ],
    health: ports.some(({ problem }) => problem !== null) ? 'broken' : 'ok',
  };
}

function describePort(port: ListedPort): Detail {
  const label = port.toHost ? `inside 127.0.0.1:${port.targetPort}` : hostSide(port);
  const to = port.toHost ? `→ ${hostSide(port)}` : `→ ${targetSide(port)}`;
  const whose = port.owner.kind === 'namespace' ? [] : [`for ${printable(ownerOfListed(port))}`];
  return { label, values: [to, ...(port.problem === null ? [`to ${openTo(port)}`] : [port.problem]), ...whose] };
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535;
}
