import type { Health, NodeKind } from './graph.js';

/** Pale fills, so that black text on them is read on a light page and on a dark one. */
export const FILLS: Record<NodeKind, string> = {
  host: '#e8eaed',
  driver: '#d7f0f2',
  ports: '#e3ecd8',
  netns: '#dff3df',
  bridge: '#dbe7fb',
  container: '#fdf0d0',
  processes: '#efe3f7',
  references: '#f7e3ec',
};

export const STROKES: Record<Health, string> = { ok: '#4a5560', broken: '#c62828', idle: '#9aa3ab' };
