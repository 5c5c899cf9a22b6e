import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { StateDirectory } from './directory.js';
import { readOptional } from './files.js';

/** A durable user of the namespace: a container of a runtime, by the runtime's id. */
export interface Reference {
  id: string;
  nets: number;
  /** The process it is tied to, if any. */
  pid: number | null;
  /** ISO 8601. */
  since: string | null;
}

/** Those with an id, and the count of all: theirs and the anonymous ones of `ref-count`. */
export function readReferences(state: StateDirectory): { list: Reference[]; count: number } {
  const list = referenceFiles(state).map((id) => readReference(state, id));
  const anonymous = Number((readOptional(state.refCount) ?? '').trim());
  const known = Number.isInteger(anonymous) && anonymous > 0 ? anonymous : 0;
  return { list, count: known + list.reduce((sum, { nets }) => sum + nets, 0) };
}

function referenceFiles(state: StateDirectory): string[] {
  try {
    return readdirSync(state.references).sort();
  } catch {
    return [];
  }
}

function readReference(state: StateDirectory, id: string): Reference {
  const unknown = { id, nets: 1, pid: null, since: null };
  try {
    const value = JSON.parse(readOptional(join(state.references, id)) ?? '') as Partial<Reference>;
    return { ...unknown, ...value, id };
  } catch {
    return unknown;
  }
}
