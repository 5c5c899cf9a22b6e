import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { StateDirectory } from '../state/directory.js';
import { isAlive } from '../state/process.js';
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
