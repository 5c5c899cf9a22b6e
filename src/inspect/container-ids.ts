import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AttachmentCache } from '../cni/cache.js';
import type { StateDirectory } from '../state/directory.js';
import { readOptional } from '../state/files.js';

/** By which ids container runtimes know those on the bridges: what `rnetns cni` and `rnetns netavark` have noted. */
export interface ContainerIds {
  /** By the path of the network namespace, as commands see it. */
  byNetns: Map<string, string>;
  byAddress: Map<string, string>;
}

export function readContainerIds(state: StateDirectory): ContainerIds {
  return { byNetns: readAttachments(state), byAddress: readLeases(join(state.path, 'netavark')) };
}

function readAttachments({ path }: StateDirectory): Map<string, string> {
  try {
    const attachments = new AttachmentCache(join(path, 'var/lib/cni')).list();
    return new Map(attachments.map(({ netns, containerId }) => [netns, containerId]));
  } catch {
    return new Map();
  }
}

/** `NETWORK-ID/ADDRESS`, with the container's id in it: see src/netavark/leases.ts. */
function readLeases(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const network of namesIn(directory)) {
    for (const address of namesIn(join(directory, network))) {
      const id = readOptional(join(directory, network, address));
      if (/^[0-9a-f.:]+$/.test(address) && id !== undefined) found.set(address, id);
    }
  }
  return found;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
