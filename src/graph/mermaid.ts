import { detailsOf, isInside, lineOf, type Graph, type GraphNode, type Health, type NodeKind } from './graph.js';
import { FILLS, STROKES } from './palette.js';

/** For a fence in Markdown, which GitHub and GitLab draw. */
export function renderMermaid(graph: Graph): string {
  const ids = new Map(graph.nodes.map(({ id }, index) => [id, `n${index}`]));
  const node = (drawn: GraphNode): string => {
    const lines = [`<b>${escape(drawn.title)}</b>`, ...detailsOf(graph, drawn).map((line) => escape(lineOf(line)))];
    return `${ids.get(drawn.id) ?? ''}["${lines.join('<br>')}"]:::${drawn.kind}`;
  };
  const used = new Set(graph.nodes.map(({ kind }) => kind));
  const unhealthy = graph.nodes.filter(({ health }) => health !== 'ok');
  return [
    // Wide enough for an IPv6 address beside its interface.
    '%%{init: {"flowchart": {"wrappingWidth": 420}}}%%',
    'flowchart LR',
    `  subgraph shared["${escape(`shared network namespace ${graph.name}`)}"]`,
    ...graph.nodes.filter(isInside).map((drawn) => `    ${node(drawn)}`),
    '  end',
    ...graph.nodes.filter((drawn) => !isInside(drawn)).map((drawn) => `  ${node(drawn)}`),
    ...graph.edges.map(({ from, to, health }) => `  ${ids.get(from) ?? ''} ${LINKS[health]} ${ids.get(to) ?? ''}`),
    ...[...used].map((kind) => `  classDef ${kind} ${classOf(kind)}`),
    ...unhealthy.map(({ id, health }) => `  style ${ids.get(id) ?? ''} stroke:${STROKES[health]},stroke-width:2px`),
  ].join('\n');
}

const LINKS: Record<Health, string> = { ok: '---', broken: '-. broken .-', idle: '-.-' };

const classOf = (kind: NodeKind): string => `fill:${FILLS[kind]},stroke:${STROKES.ok},color:#000,text-align:left`;

/**
 * All but letters, digits and a few marks as `#NN;`, mermaid's way to write a character: labels are read as HTML, as
 * Markdown and by a grammar in which `]`, `"` and `end` mean something.
 *
 * @see https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters
 */
function escape(text: string): string {
  return text.replace(/[^\p{L}\p{M}\p{N} .,:/@→×…-]/gu, (char) => `#${char.codePointAt(0) ?? 0};`);
}
