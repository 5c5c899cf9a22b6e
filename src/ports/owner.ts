import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { StateDirectory } from '../state/directory.js';
import { isAlive, type ProcessId } from '../state/process.js';
import type { Owner } from './port.js';

/** Is the owner of a port still there? The namespace is, as long as anybody asks. */
export function isOwnerThere({ references, tied }: StateDirectory, owner: Owner): boolean {
  switch (owner.kind) {
    case 'namespace':
      return true;
    case 'reference':
      return [references, tied].some((directory) => existsSync(join(directory, owner.id)));
    case 'process':
      return isAlive(owner.process);
  }
}

/** The namespace owns what several callers have published: none of it is in place of another one's. */
export function isSameOwner(one: Owner, other: Owner): boolean {
  if (one.kind === 'reference') return other.kind === 'reference' && one.id === other.id;
  if (one.kind === 'process') return other.kind === 'process' && isSame(one.process, other.process);
  return false;
}

function isSame(one: ProcessId, other: ProcessId): boolean {
  return one.pid === other.pid && one.startTicks === other.startTicks;
}
