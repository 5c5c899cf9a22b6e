import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { StateDirectory } from '../state/directory.js';
import { isCounted, readCounted } from '../state/counted.js';
import { isAlive, type ProcessId } from '../state/process.js';
import type { Owner } from './port.js';

/** Is the owner of a port still there? The namespace is, as long as anybody asks. */
export function isOwnerThere(state: StateDirectory, owner: Owner): boolean {
  switch (owner.kind) {
    case 'namespace':
      return true;
    case 'reference':
      return [state.references, state.tied].some((directory) => existsSync(join(directory, owner.id)));
    case 'process':
      return isAlive(owner.process);
    case 'attachment':
      // A call counts the attachment before it ends.
      return isAlive(owner.process) || isCounted(readCounted(state, owner.container).networks, owner);
  }
}

/** The namespace owns what several callers have published: none of it is in place of another one's. */
export function isSameOwner(one: Owner, other: Owner): boolean {
  if (one.kind === 'reference') return other.kind === 'reference' && one.id === other.id;
  if (one.kind === 'process') return other.kind === 'process' && isSame(one.process, other.process);
  return false;
}

/** Is it the reference of this id, or one of what it counts? */
export function isOfReference(owner: Owner, id: string): boolean {
  return owner.kind === 'reference' ? owner.id === id : owner.kind === 'attachment' && owner.container === id;
}

function isSame(one: ProcessId, other: ProcessId): boolean {
  return one.pid === other.pid && one.startTicks === other.startTicks;
}
