import type { Graph } from './graph.js';
import { FILLS, STROKES } from './palette.js';
import { layOut, METRICS, type Box, type Frame, type Link } from './svg-layout.js';

const INK = '#1b1f23';
const DIM = '#57606a';

/** A picture of its own: no style sheet, script or font from elsewhere. */
export function renderSvg(graph: Graph): string {
  const { width, height, frames, boxes, links } = layOut(graph);
  const font = `font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="12"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ${font} fill="${INK}">`,
    `  <title>${escape(`rnetns ${graph.name}: ${graph.state}`)}</title>`,
    `  <rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...frames.map(drawFrame),
    ...links.map(drawLink),
    ...boxes.flatMap(drawBox),
    '</svg>',
  ].join('\n');
}

function drawFrame({ x, y, width, height, title }: Frame): string {
  const at = `x="${round(x)}" y="${round(y)}"`;
  const text = textAt(x + METRICS.padding, y + METRICS.line + 2, title, ` fill="${DIM}"`);
  return `  <rect ${at} width="${round(width)}" height="${round(height)}" rx="8" fill="#f6f8fa" stroke="#d0d7de"/>\n${text}`;
}

function drawLink({ from, to, health }: Link): string {
  const [x1, y1] = [from.x + from.width, from.y + from.height / 2];
  const [x2, y2] = [to.x, to.y + to.height / 2];
  const bend = round((x1 + x2) / 2);
  const path = `M${round(x1)} ${round(y1)} C${bend} ${round(y1)} ${bend} ${round(y2)} ${round(x2)} ${round(y2)}`;
  const dash = health === 'ok' ? '' : ' stroke-dasharray="5 4"';
  return `  <path d="${path}" fill="none" stroke="${STROKES[health]}" stroke-width="1.5"${dash}/>`;
}

function drawBox({ x, y, width, height, node, title, rows, indent, again }: Box): string[] {
  const dash = again || node.health === 'idle' ? ' stroke-dasharray="4 3"' : '';
  const stroke = `stroke="${STROKES[node.health]}"${node.health === 'broken' ? ' stroke-width="2"' : ''}${dash}`;
  const size = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
  const left = x + METRICS.padding;
  const colour = node.health === 'broken' ? ` fill="${STROKES.broken}"` : '';
  return [
    `  <g><title>${escape(node.title)}</title>`,
    `  <rect ${size} rx="5" fill="${FILLS[node.kind]}" ${stroke}/>`,
    textAt(left, y + METRICS.line + 4, title, ` font-weight="bold"${colour}`),
    ...rows.flatMap(({ label, text }, index) => {
      const line = y + METRICS.line * (index + 2) + 4;
      return [
        ...(label === '' ? [] : [textAt(left, line, label, ` fill="${DIM}"`)]),
        ...(text === '' ? [] : [textAt(left + indent, line, text)]),
      ];
    }),
    '  </g>',
  ];
}

/** xml:space: the blanks between two values are two. */
function textAt(x: number, y: number, text: string, attributes = ''): string {
  return `  <text x="${round(x)}" y="${round(y)}" xml:space="preserve"${attributes}>${escape(text)}</text>`;
}

const round = (value: number): string => String(Math.round(value * 10) / 10);

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escape = (text: string): string => text.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? char);
