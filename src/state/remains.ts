import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { StateDirectory } from './directory.js';

/** Files of a namespace that is gone: killed without a chance, or left by another boot. Durable references stay. */
export function removeRemains(state: StateDirectory, generation: string): void {
  const kept = new Set([`lease.${generation}`, `holder.${generation}`, 'lock-owner', 'references', 'ref-count']);
  for (const entry of readdirSync(state.path)) {
    if (!kept.has(entry)) removeEntry(join(state.path, entry));
  }
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
