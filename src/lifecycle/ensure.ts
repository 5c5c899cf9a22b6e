import { RnetnsError } from '../errors/error.js';
import { wayToO } from '../namespace/components.js';
import type { Target } from '../namespace/enter.js';
import { holdWay, type HeldWay } from '../namespace/hold-way.js';
import { isInside } from '../namespace/inside.js';
import { enterScope } from '../namespace/scope.js';
import { insideError } from '../namespace/teardown.js';
import { checkClosed, checkWritable, makeOutside } from '../state/directory.js';
import { identifyProcess, killProcess, namespaceInode } from '../state/process.js';
import { readRecord, type Record } from '../state/record.js';
import { type Context } from './context.js';
import { settledComponents } from './settled.js';
import { create } from './create.js';
import { endSupervisor } from './end-parts.js';
import { findInside, mend } from './mend.js';

/**
 * Theory of operation: reconcile
 *
 * The namespace is a list of parts, each resting on those before it:
 *   1. O and M0     user and mount namespace; a living process of ours, or the keeper's descriptors, lead back there
 *   2. U and N      mounted on their files in M0; a living member leads back to them
 *   3. supervisor   with its guard; starts driver and keeper where they don't live, and adopts them where they do
 *   4. resolv.conf and info, once it shows which addresses the driver brought
 *   5. `live`, last: it never promises what is not there
 *
 * So creating one, and recovering from the death of any part, differ in what is found: where one part isn't as it should
 * be, a new supervisor takes over all that lives.
 *
 * Created and repaired are different: only what a call created itself does that call undo. A mended namespace has
 * users already, so what can't be mended leaves the rest as it is, and a driver that won't start is tried again while
 * the namespace is degraded. The same where the host has no way out, or one that the driver can't use (connect.ts).
 *
 * The caller holds the lock, and a lease on the generation: it is what ends everything if this process is killed.
 */
export async function ensure(context: Context, generation: string): Promise<void> {
  const { state } = context;
  checkClosed(state);
  checkWritable(state);
  if (isInside(state)) throw insideError(state, 'mend');
  const found = await settledComponents(context);
  const record = readRecord(state);
  const way = wayToO(state, found);
  if (way !== undefined && !isWithinReach(way)) {
    // It has ended since it was found.
    if (identifyProcess(way.pid) === undefined) return ensure(context, generation);
    throw new RnetnsError('ERR_NETNS', `cannot enter ${state.path} from here: its user namespace is beside ours`, {
      hint: 'call rnetns outside of the other namespace; see setns(2) for what the kernel allows',
    });
  }
  const scope = enterScope(state.name, context.runtimeDir, (message) => context.log.warn(message));
  // Without a way into O no driver can be connected to what its commands are in: they go on alone. M0 or a process inside is
  // more of it than a driver.
  const hasMore = way?.mount !== undefined || findInside(context, found, record) !== undefined;
  if (way === undefined || !hasMore) {
    // pasta ends by itself when its netns has gone, but misses that at times; the new netns gets a driver of its own.
    if (found.driver !== undefined) killProcess(found.driver);
    // What waits for leases of the old one would wait for ever.
    await endSupervisor(state);
    return create(context, generation, scope);
  }
  await scope;
  const held = hold(way);
  if (held === undefined) return ensure(context, generation);
  try {
    makeOutside(state);
    await mend(asMade(context, record), found, held, record, generation);
  } finally {
    held.release();
  }
}

/** undefined: what it leads by has ended since it was found. */
function hold(way: Target): HeldWay | undefined {
  try {
    return holdWay(way);
  } catch (error) {
    if (identifyProcess(way.pid) === undefined) return undefined;
    throw error;
  }
}

function isWithinReach({ pid }: Target): boolean {
  return namespaceInode(pid, 'user') !== undefined;
}

/** With the settings that the namespace was made with, as far as they are not in its plan. */
function asMade(context: Context, record: Record | undefined): Context {
  if (record === undefined) return context;
  const { config } = context;
  const { lingerSeconds = config.rnetns.lingerSeconds } = record;
  return { ...context, config: { ...config, rnetns: { ...config.rnetns, lingerSeconds } } };
}
