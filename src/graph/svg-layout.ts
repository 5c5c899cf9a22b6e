import { isInside, type Detail, type Graph, type GraphEdge, type GraphNode, type Health } from './graph.js';
import { columnsOf, shorten, wrap } from '../text/columns.js';

/**
 * Where everything in the picture goes, in columns from left to right:
 *
 *     host | driver, and ports below it | shared namespace: itself, processes, references | bridges | containers
 *
 * Each bridge has its containers beside it, in a block of as many columns as make the picture about as wide as high,
 * and is level with their middle. A library for graphs in general would put sixty containers in one long row.
 *
 * Widths are those of a fixed-width font: nobody who draws an SVG agrees on the others.
 */
export interface Layout {
  width: number;
  height: number;
  /** The shared namespace, and blocks of several columns. */
  frames: Frame[];
  boxes: Box[];
  links: Link[];
}

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Frame extends Rectangle {
  title: string;
}

export interface Box extends Rectangle {
  node: GraphNode;
  title: string;
  rows: Row[];
  /** From the left edge of the box to the values. */
  indent: number;
  /** Another bridge has drawn this container: here is only what it has on this one. */
  again: boolean;
}

export interface Row {
  label: string;
  text: string;
}

/** From the right edge of one to the left edge of the other. */
export interface Link {
  from: Rectangle;
  to: Rectangle;
  health: Health;
}

export const METRICS = { column: 7.25, line: 17, padding: 10, titleHeight: 24 } as const;
const GAP = { x: 56, y: 16, frame: 18, margin: 20 } as const;
const LABEL_COLUMNS = 16;
/** A whole IPv6 address. */
const VALUE_COLUMNS = 40;

export function layOut(graph: Graph): Layout {
  const box = (node: GraphNode): Box => makeBox(node, node.details, false);
  const outer = graph.nodes.filter(({ kind }) => kind === 'host' || kind === 'driver').map(box);
  const ports = graph.nodes.filter(({ kind }) => kind === 'ports').map(box);
  const left = graph.nodes.filter((node) => isInside(node) && node.kind !== 'bridge').map(box);
  const bridges = graph.nodes.filter(({ kind }) => kind === 'bridge').map(box);
  const blocks = makeBlocks(graph, bridges);

  // 1. Columns, by what stands in them.
  let x: number = GAP.margin;
  const driver = outer.filter(({ node }) => node.kind === 'driver');
  if (driver.length > 0) widen([...driver, ...ports]);
  for (const each of outer) {
    each.x = x;
    x += each.width + GAP.x;
  }
  for (const each of ports) each.x = driver[0]?.x ?? x;
  x += GAP.frame;
  widen(left);
  for (const each of left) each.x = x;
  x += (left[0]?.width ?? 0) + (bridges.length === 0 ? 0 : GAP.x);
  widen(bridges);
  for (const each of bridges) each.x = x;
  const groupRight = x + (bridges[0]?.width ?? 0) + GAP.frame;
  widen(blocks.filter(({ framed }) => !framed).flatMap((block) => block.boxes));
  for (const block of blocks) moveBy(block, groupRight + GAP.x, 0);

  // 2. Rows: the containers from top to bottom, a bridge level with its own, all that is left of them around the middle.
  const top = GAP.margin + METRICS.titleHeight;
  let y: number = top;
  for (const block of blocks) {
    const tall = Math.max(block.frame.height, block.bridge?.height ?? 0);
    moveBy(block, 0, y + (tall - block.frame.height) / 2);
    if (block.bridge !== undefined) block.bridge.y = middleOf(block.frame) - block.bridge.height / 2;
    y += tall + GAP.y * 1.5;
  }
  const leftHeight = heightOf(left);
  let leftTop = Math.max(top, bridges.length === 0 ? top : (centre(bridges) ?? top) - leftHeight / 2);
  for (const each of left) {
    each.y = leftTop;
    leftTop += each.height + GAP.y;
  }
  const group = around([...left, ...bridges], `shared network namespace ${graph.name}`);
  const [netns] = left;
  for (const each of outer) each.y = netns === undefined ? top : middleOf(netns) - each.height / 2;
  let below = Math.max(...outer.map(({ y, height }) => y + height)) + GAP.y;
  for (const each of ports) {
    each.y = below;
    below += each.height + GAP.y;
  }

  // 3. All of it to the margin.
  const frames = [group, ...blocks.filter(({ framed }) => framed).map(({ frame }) => frame)];
  const boxes = [...outer, ...ports, ...left, ...bridges, ...blocks.flatMap((block) => block.boxes)];
  const all: Rectangle[] = [...frames, ...boxes];
  const above = Math.min(...all.map((each) => each.y)) - GAP.margin;
  for (const each of all) each.y -= above;
  return {
    width: Math.ceil(Math.max(...all.map((each) => each.x + each.width)) + GAP.margin),
    height: Math.ceil(Math.max(...all.map((each) => each.y + each.height)) + GAP.margin),
    frames,
    boxes,
    links: linksOf(graph, [...outer, ...ports, ...left, ...bridges], blocks),
  };
}

/** The containers of a bridge; without one, those on none. */
interface Block {
  bridge: Box | undefined;
  boxes: Box[];
  edges: GraphEdge[];
  frame: Frame;
  /** Is the frame drawn, and the bridge linked to it, in place of each container? */
  framed: boolean;
}

function makeBlocks(graph: Graph, bridges: readonly Box[]): Block[] {
  const known = new Map(graph.nodes.map((node) => [node.id, node]));
  const drawn = new Set<string>();
  return [...bridges, undefined].flatMap((bridge): Block[] => {
    const from = bridge?.node.id ?? 'netns';
    const edges = graph.edges.filter((edge) => edge.from === from && known.get(edge.to)?.kind === 'container');
    if (edges.length === 0 && bridge === undefined) return [];
    const boxes = edges.flatMap(({ to, details }) => {
      const node = known.get(to);
      if (node === undefined) return [];
      const again = drawn.has(to);
      drawn.add(to);
      return [makeBox(node, again ? details : [...details, ...node.details], again)];
    });
    const columns = Math.max(1, Math.round(Math.sqrt(boxes.length / 4)));
    const framed = columns > 1 || bridge === undefined;
    arrange(boxes, columns);
    const title = bridge === undefined ? 'on no bridge' : `${boxes.length} on ${bridge.title}`;
    const frame = framed ? around(boxes, title) : { ...bounds(boxes), title };
    const block = { bridge, boxes, edges, frame, framed };
    moveBy(block, -frame.x, -frame.y);
    return [block];
  });
}

/** From the top left corner down each column; all boxes as wide as the widest. */
function arrange(boxes: readonly Box[], columns: number): void {
  widen(boxes);
  const rows = Math.ceil(boxes.length / columns);
  let x = 0;
  for (let column = 0; column < columns; column++) {
    let y = 0;
    for (const box of boxes.slice(column * rows, (column + 1) * rows)) {
      box.x = x;
      box.y = y;
      y += box.height + GAP.y;
    }
    x += (boxes[0]?.width ?? 0) + GAP.y;
  }
}

function makeBox(node: GraphNode, details: readonly Detail[], again: boolean): Box {
  const rows = details.flatMap(({ label, values }) =>
    (values.length === 0 ? [''] : wrap(values, VALUE_COLUMNS)).map((text, index) => ({
      label: index === 0 ? shorten(label, values.length === 0 ? VALUE_COLUMNS : LABEL_COLUMNS) : '',
      text,
    })),
  );
  const title = shorten(node.title, VALUE_COLUMNS);
  const labelColumns = Math.max(0, ...rows.filter(({ text }) => text !== '').map(({ label }) => columnsOf(label)));
  const indent = labelColumns === 0 ? 0 : labelColumns + 2;
  const widths = rows.map(({ label, text }) => (text === '' ? columnsOf(label) : indent + columnsOf(text)));
  const columns = Math.max(columnsOf(title), ...widths);
  return {
    node,
    title,
    rows,
    indent: indent * METRICS.column,
    again,
    x: 0,
    y: 0,
    width: columns * METRICS.column + 2 * METRICS.padding,
    height: (rows.length + 1) * METRICS.line + 2 * METRICS.padding - 4,
  };
}

function linksOf(graph: Graph, boxes: readonly Box[], blocks: readonly Block[]): Link[] {
  const find = (id: string): Box | undefined => boxes.find(({ node }) => node.id === id);
  const trunk = graph.edges.flatMap(({ from, to, health }): Link[] => {
    const [a, b] = [find(from), find(to)];
    const besideIt = b?.node.kind === 'processes' || b?.node.kind === 'references';
    return a === undefined || b === undefined || besideIt ? [] : [{ from: a, to: b, health }];
  });
  const branches = blocks.flatMap(({ bridge, frame, framed, boxes: containers, edges }): Link[] => {
    if (bridge === undefined || containers.length === 0) return [];
    if (framed) return [{ from: bridge, to: frame, health: 'ok' }];
    return containers.map((to, index) => ({ from: bridge, to, health: edges[index]?.health ?? 'ok' }));
  });
  return [...trunk, ...branches];
}

function moveBy(block: Block, x: number, y: number): void {
  for (const each of [block.frame, ...block.boxes]) {
    each.x += x;
    each.y += y;
  }
}

function widen(boxes: readonly Box[]): void {
  const width = Math.max(0, ...boxes.map((box) => box.width));
  for (const box of boxes) box.width = width;
}

const middleOf = ({ y, height }: Rectangle): number => y + height / 2;
const heightOf = (boxes: readonly Box[]): number => boxes.reduce((sum, { height }) => sum + height + GAP.y, -GAP.y);

/** The middle between the first and the last of them. */
function centre(boxes: readonly Box[]): number | undefined {
  const [first, last] = [boxes[0], boxes.at(-1)];
  return first === undefined || last === undefined ? undefined : (first.y + last.y + last.height) / 2;
}

function bounds(boxes: readonly Rectangle[]): Rectangle {
  if (boxes.length === 0) return { x: 0, y: 0, width: 0, height: 0 };
  const x = Math.min(...boxes.map((each) => each.x));
  const y = Math.min(...boxes.map((each) => each.y));
  return {
    x,
    y,
    width: Math.max(...boxes.map((each) => each.x + each.width)) - x,
    height: Math.max(...boxes.map((each) => each.y + each.height)) - y,
  };
}

function around(boxes: readonly Rectangle[], title: string): Frame {
  const { x, y, width, height } = bounds(boxes);
  const space = GAP.frame;
  const titleWidth = columnsOf(title) * METRICS.column + 2 * METRICS.padding;
  return {
    title,
    x: x - space,
    y: y - space - METRICS.titleHeight,
    width: Math.max(width + 2 * space, titleWidth),
    height: height + 2 * space + METRICS.titleHeight,
  };
}
