import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { findComponents, wayToO } from '../namespace/components.js';
import { findSurvivor } from '../namespace/members.js';
import { filesOfNames, leftoversOfNames, namedNamespaces } from '../namespace/names.js';
import { removeNamespace } from '../namespace/teardown.js';
import { checkClosed, statStateDirectory } from '../state/directory.js';
import { isOfAnotherBoot, readRecord } from '../state/record.js';
import { forgetReferences, mendReferences, readReferences } from '../state/references.js';
import { remainsOf, removeOrphans } from '../state/remains.js';
import { noteMended, type Context, type Mended } from './context.js';
import { ensure } from './ensure.js';

/**
 * Reconcile everything: references, files, and the processes of the namespace. The lock is held, and a lease on the
 * generation. A namespace that nobody needs is not made for it; what is left of one is removed.
 *
 * @returns what was mended, in the order it was.
 * @throws RnetnsError what ensure() throws; what was mended before that stays so.
 */
export async function repair(context: Context, generation: string): Promise<Mended[]> {
  const { state, env, mended } = context;
  if (statStateDirectory(state) === undefined) return mended;
  checkClosed(state);
  if (isOfAnotherBoot(state)) forgetReferences(state);
  mendReferences(state, (detail) => noteMended(context, 'reference', detail));
  for (const name of removeOrphans(state)) noteMended(context, 'file', `removed ${name}: its writer was killed`);

  const lives =
    wayToO(state, findComponents(state)) !== undefined || findSurvivor(state, readRecord(state)) !== undefined;
  const names = filesOfNames(state);
  if (!lives && names.length > 0) {
    noteMended(context, 'netns', `dropped the named namespaces ${names.join(' ')}: what held them is dead`);
    rmSync(state.names, { recursive: true, force: true });
  }
  if (lives) {
    await ensure(context, generation);
    for (const name of leftoversOfNames(state)) {
      rmSync(join(state.names, name), { recursive: true, force: true });
      noteMended(context, 'file', `removed netns/${name}: no namespace is mounted on it`);
    }
  } else if (readReferences(state, namedNamespaces(state).keys()).count !== 0) {
    await ensure(context, generation);
    noteMended(context, 'namespace', 'made anew: all its processes were dead, and references need it');
  } else {
    // Where names were, and what is hidden, is empty by now.
    const emptied = [state.names, state.outside];
    const left = remainsOf(state, generation).filter((entry) => !emptied.includes(join(state.path, entry)));
    await removeNamespace(state, env);
    if (left.length > 0) noteMended(context, 'namespace', `removed what was left of it: ${left.join(' ')}`);
  }
  return mended;
}
