import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { StateDirectory } from './directory.js';

/**
 * Names of what a namespace that is gone has left: killed without a chance, or by another boot. Durable references are none of it,
 * and what the call has made that looks.
 */
export function remainsOf(state: StateDirectory, generation: string): string[] {
  const kept = [state.references, state.tied, state.refCount, state.counted, state.lockOwner];
  const paths = new Set([...kept, state.lease(generation), state.keeperFifo(generation)]);
  return readdirSync(state.path).filter((entry) => !paths.has(join(state.path, entry)));
}

export function removeRemains(state: StateDirectory, generation: string): void {
  for (const entry of remainsOf(state, generation)) removeEntry(join(state.path, entry));
  removeEntry(state.outside);
}

/**
 * What a killed writer left beside its file; the lock is held, so that nobody is writing.
 *
 * @returns the names of those removed.
 */
export function removeOrphans(state: StateDirectory): string[] {
  const orphans = orphansOf(state);
  for (const entry of orphans) removeEntry(join(state.path, entry));
  return orphans;
}

/** Their names; without the lock some may be a living writer's. */
export function orphansOf(state: StateDirectory): string[] {
  const isOrphan = (entry: string) => /^\.(references|tied|ref-count|probe)(\.\d+)?$|\.\d+\.tmp$/.test(entry);
  return readdirSync(state.path).filter(isOrphan);
}

export function removeOtherLeases(state: StateDirectory, generation: string): void {
  for (const entry of readdirSync(state.path)) {
    const [kind, of] = [entry.slice(0, entry.indexOf('.')), entry.slice(entry.indexOf('.') + 1)];
    if ((kind === 'lease' || kind === 'keeper') && of !== generation) removeEntry(join(state.path, entry));
  }
}

function removeEntry(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Made by another id of the user namespace, below run/ or var/: of no use to the new namespace, and in nobody's way.
  }
}
