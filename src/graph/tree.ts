import {
  lineOf,
  type Detail,
  type Graph,
  type GraphEdge,
  type GraphNode,
  type Health,
  type NodeKind,
} from './graph.js';
import { columnsOf } from '../text/columns.js';

/** SGR parameters, console_codes(4). */
const COLOURS: Record<NodeKind, string> = {
  host: '1',
  driver: '36',
  ports: '36',
  netns: '1;32',
  bridge: '34',
  container: '33',
  processes: '35',
  references: '35',
};
const HEALTH_COLOURS: Partial<Record<Health, string>> = { broken: '31', idle: '2' };

/**
 * For a terminal: a line a node, with its details below it, or beside it when there is but one.
 *
 * @param colour - with escape sequences; what they enclose has none of its own.
 */
export function renderTree(graph: Graph, { colour }: { colour: boolean }): string {
  const known = new Map(graph.nodes.map((node) => [node.id, node]));
  const drawn = new Set<string>();
  const lines: string[] = [];
  const paint = (node: GraphNode, text: string): string =>
    colour ? `\u001b[${HEALTH_COLOURS[node.health] ?? COLOURS[node.kind]}m${text}\u001b[0m` : text;

  const draw = (node: GraphNode, edge: GraphEdge | undefined, first: string, rest: string): void => {
    const again = drawn.has(node.id);
    drawn.add(node.id);
    const details = again ? (edge?.details ?? []) : [...(edge?.details ?? []), ...node.details];
    // Where ports lead to stands beside them, and hangs on the driver.
    const below = again || node.kind === 'ports' ? [] : graph.edges.filter(({ from }) => from === node.id);
    const title = `${paint(node, node.title)}${again ? ' (as above)' : ''}`;
    const [only] = details;
    if (only !== undefined && details.length === 1) lines.push(`${first}${title}  ${lineOf(only)}`);
    else {
      lines.push(`${first}${title}`);
      lines.push(...align(details).map((line) => `${rest}${below.length > 0 ? '│' : ' '}  ${line}`));
    }
    for (const [index, next] of below.entries()) {
      const target = known.get(next.to);
      const last = index === below.length - 1;
      if (target !== undefined) draw(target, next, `${rest}${last ? '└─ ' : '├─ '}`, `${rest}${last ? '   ' : '│  '}`);
    }
  };
  const isRoot = ({ id }: GraphNode): boolean => !graph.edges.some(({ to }) => to === id);
  for (const root of graph.nodes.filter(isRoot)) draw(root, undefined, '', '');
  return lines.join('\n');
}

function align(details: readonly Detail[]): string[] {
  const width = Math.max(0, ...details.map(({ label }) => columnsOf(label)));
  return details.map(({ label, values }) =>
    [`${label}${' '.repeat(values.length === 0 ? 0 : width - columnsOf(label))}`, ...values].join('  '),
  );
}
