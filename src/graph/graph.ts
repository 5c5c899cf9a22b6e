/**
 * A namespace as a picture: what there is, and what hangs on what. Plain data, which the formats in this folder draw.
 *
 * It is a tree but for containers on several bridges: host, driver, network namespace, bridges, containers.
 */
export interface Graph {
  /** Name of the shared namespace. */
  name: string;
  state: 'running' | 'degraded' | 'down';
  /** From the host to the containers; those on one level are in the order to be drawn in. */
  nodes: GraphNode[];
  edges: GraphEdge[];
}

export interface GraphNode {
  /** Unique in the graph, such as `bridge:rnetns0`. */
  id: string;
  kind: NodeKind;
  title: string;
  details: Detail[];
  health: Health;
}

/**
 * `netns` is the shared namespace itself; bridges, processes and references are in it, containers have their own. `ports` are those of
 * one forwarder, which leads from the host to the namespace beside the driver.
 */
export type NodeKind = 'host' | 'driver' | 'ports' | 'netns' | 'bridge' | 'container' | 'processes' | 'references';

/** `broken`: it should work and doesn't; `idle`: it is there, and connects nothing. */
export type Health = 'ok' | 'broken' | 'idle';

export interface GraphEdge {
  from: string;
  to: string;
  /** What belongs to this connection: a container's interface on that bridge. */
  details: Detail[];
  health: Health;
}

/** A line of a node: `eth0  10.89.0.2  fd72::2`. */
export interface Detail {
  label: string;
  values: string[];
}

/** What is drawn in the box of the shared namespace. */
export function isInside({ kind }: GraphNode): boolean {
  return kind === 'netns' || kind === 'bridge' || kind === 'processes' || kind === 'references';
}

/** A detail on a line. */
export function lineOf({ label, values }: Detail): string {
  return [label, ...values].join('  ');
}

/** All that is known of a node where it is drawn once: its interfaces, then the rest. */
export function detailsOf(graph: Graph, { id, details }: GraphNode): Detail[] {
  return [...graph.edges.filter(({ to }) => to === id).flatMap((edge) => edge.details), ...details];
}
