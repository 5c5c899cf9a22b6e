import type { Inventory } from './inventory.js';

/**
 * How many there are of what `ps` lists, and of what keeps the namespace up; src/text/users.ts has the words.
 *
 * A process is one in the shared network namespace itself, beside ours. A container is another network namespace on a
 * bridge of it, with processes of its own. A reference counts for as many networks as it was set up for, and a named
 * network namespace for one (src/state/references.ts).
 */
export interface Counts {
  processes: number;
  containers: number;
  /** Processes in the containers. */
  contained: number;
}

export function countInventory({ processes, containers }: Inventory): Counts {
  const shared = processes.filter(({ netns }) => netns === null).length;
  const inodes = new Set(containers.map(({ inode }) => inode));
  return { processes: shared, containers: inodes.size, contained: processes.length - shared };
}
