import { detailsOf, isInside, lineOf, type Graph, type GraphEdge, type GraphNode, type Health } from './graph.js';
import { FILLS, STROKES } from './palette.js';

/** The language of Graphviz: `rnetns graph --format dot | dot -Tsvg`. */
export function renderDot(graph: Graph): string {
  const ids = new Map(graph.nodes.map(({ id }, index) => [id, `n${index}`]));
  const node = (drawn: GraphNode): string => `${ids.get(drawn.id) ?? ''} [${attributesOf(graph, drawn)}];`;
  return [
    `digraph ${quote(`rnetns ${graph.name}`)} {`,
    '  rankdir=LR;',
    '  node [shape=box style="rounded,filled" fontname="monospace" fontsize=10];',
    '  edge [arrowhead=none];',
    '  subgraph cluster_netns {',
    `    label=${quote(`shared network namespace ${graph.name}`)}; style=rounded; fontname="monospace"; fontsize=10;`,
    ...graph.nodes.filter(isInside).map((drawn) => `    ${node(drawn)}`),
    '  }',
    ...graph.nodes.filter((drawn) => !isInside(drawn)).map((drawn) => `  ${node(drawn)}`),
    ...graph.edges.map((edge) => `  ${ids.get(edge.from) ?? ''} -> ${ids.get(edge.to) ?? ''}${styleOf(edge)};`),
    '}',
  ].join('\n');
}

function attributesOf(graph: Graph, node: GraphNode): string {
  // \l: a line that is aligned to the left.
  const label = [node.title, ...detailsOf(graph, node).map(lineOf)].map((line) => `${escape(line)}\\l`).join('');
  return [`label="${label}"`, `fillcolor="${FILLS[node.kind]}"`, `color="${STROKES[node.health]}"`].join(' ');
}

const EDGES: Record<Health, string> = {
  ok: '',
  broken: ` [style=dashed color="${STROKES.broken}"]`,
  idle: ` [style=dotted color="${STROKES.idle}"]`,
};
const styleOf = ({ health }: GraphEdge): string => EDGES[health];

/** In a quoted string only `"` is special to the language; in labels `\` is as well (escString), and `&` begins an entity. */
const escape = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('&', '&amp;');
const quote = (text: string): string => `"${escape(text)}"`;
