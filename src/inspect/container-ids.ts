import { join } from 'node:path';
import { AttachmentCache } from '../cni/cache.js';
import { leaseHolders } from '../netavark/leases.js';
import type { StateDirectory } from '../state/directory.js';

/** By which ids container runtimes know those on the bridges: what `rnetns cni` and `rnetns netavark` have noted. */
export interface ContainerIds {
  /** By the path of the network namespace, as commands see it. */
  byNetns: Map<string, string>;
  byAddress: Map<string, string>;
}

export function readContainerIds(state: StateDirectory): ContainerIds {
  return { byNetns: readAttachments(state), byAddress: leaseHolders(join(state.path, 'netavark/addresses')) };
}

function readAttachments({ path }: StateDirectory): Map<string, string> {
  try {
    const attachments = new AttachmentCache(join(path, 'var/lib/cni')).list();
    return new Map(attachments.map(({ netns, containerId }) => [netns, containerId]));
  } catch {
    return new Map();
  }
}
