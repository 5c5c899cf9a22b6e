import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { StateDirectory } from './directory.js';

/** Files of a namespace that is gone: killed without a chance, or left by another boot. Durable references stay. */
export function removeRemains(state: StateDirectory, generation: string): void {
  const kept = new Set([
    `lease.${generation}`,
    `holder.${generation}`,
    'lock-owner',
    'references',
    'tied',
    'ref-count',
    'counted',
  ]);
  for (const entry of readdirSync(state.path)) {
    if (!kept.has(entry)) removeEntry(join(state.path, entry));
  }
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
    if ((kind === 'lease' || kind === 'holder') && of !== generation) removeEntry(join(state.path, entry));
  }
}

function removeEntry(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Made by another id of the user namespace, below run/ or var/: of no use to the new namespace, and in nobody's way.
  }
}
