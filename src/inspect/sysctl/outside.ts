import type { ScratchNetns } from './scratch.js';
import { readSysctl, shown, type Reading, type Sysctl } from './tree.js';

/**
 * What is seen from outside of the scratch namespace. A few sysctls, such as keys, only their owner may read; those are
 * read in a second scratch namespace, where the caller is the owner: a value that is everybody's is seen there as well.
 */
export class OutsideView {
  private readonly root: string;
  private readonly witness: ScratchNetns;
  /** By name: is it the witness who reads it? */
  private readonly hidden: ReadonlyMap<string, boolean>;

  /** @param tree - what is there; what comes later isn't looked at. */
  constructor(root: string, tree: ReadonlyMap<string, Sysctl>, witness: ScratchNetns) {
    this.root = root;
    this.witness = witness;
    this.hidden = new Map([...tree].map(([name, { reading }]) => [name, isRefused(reading)]));
  }

  /** Would a leak of it be seen? */
  sees(name: string): boolean {
    return this.hidden.has(name);
  }

  /** All that are still there. */
  async read(): Promise<Map<string, string>> {
    const values = new Map<string, string>();
    for (const name of this.hidden.keys()) {
      const reading = await this.readOne(name);
      if (!('error' in reading) || reading.error !== 'ENOENT') values.set(name, shown(reading));
    }
    return values;
  }

  async readOne(name: string): Promise<Reading> {
    if (this.hidden.get(name) !== true) return readSysctl(this.root, name);
    return this.witness.ask({ do: 'read', name });
  }
}

/** EIO is no refusal: it is what a key has that isn't set. */
function isRefused(reading: Reading): boolean {
  return 'error' in reading && (reading.error === 'EACCES' || reading.error === 'EPERM');
}
