import { join } from 'node:path';
import { AttachmentCache, type CachedAttachment } from '../cni/cache.js';
import { CniError } from '../cni/error.js';
import { hostInterfaces, interfacesOf } from '../inspect/interfaces.js';
import { readInventory } from '../inspect/inventory.js';
import { readStatus } from '../inspect/status.js';
import type { StateDirectory } from '../state/directory.js';
import { readRefCount } from '../state/references.js';
import type { Facts } from './model.js';

/**
 * Never waits for the lock, and never makes a namespace.
 *
 * @throws RnetnsError ERR_PROGRAM_MISSING, ERR_NETNS: the bridges can't be looked at.
 */
export async function readFacts(state: StateDirectory): Promise<Facts> {
  const [status, inventory] = await Promise.all([readStatus(state, { askDriver: false }), readInventory(state)]);
  const inside = status.keeper?.pid ?? inventory?.processes.find(({ netns }) => netns === null)?.pid;
  return {
    status,
    inventory,
    attachments: readAttachments(state),
    namesSeen: state.namesSeen,
    anonymous: readRefCount(state),
    // The supervisor is on the host's network, also where the caller is in a namespace.
    hostInterfaces: await hostInterfaces(status.supervisor?.pid ?? 'self'),
    interfaces: inside === undefined ? undefined : interfacesOf(inside),
  };
}

/** undefined: what is there can't be read, which is no reason for no picture. */
function readAttachments(state: StateDirectory): CachedAttachment[] | undefined {
  try {
    return new AttachmentCache(join(state.path, 'var/lib/cni')).list();
  } catch (error) {
    if (error instanceof CniError) return undefined;
    throw error;
  }
}
