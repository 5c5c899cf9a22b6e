import { existsSync, rmSync, renameSync } from 'node:fs';
import { RnetnsError } from '../errors/error.js';
import { findComponents } from '../namespace/components.js';
import { isInside } from '../namespace/inside.js';
import { membersWith } from '../namespace/members.js';
import { namedNamespaces } from '../namespace/names.js';
import { insideError, removeNamespace } from '../namespace/teardown.js';
import { checkClosed, statStateDirectory } from '../state/directory.js';
import { holdsLease } from '../state/lease.js';
import { readReferences } from '../state/references.js';
import { parentPid } from '../state/process.js';
import { readRecord } from '../state/record.js';
import type { Context } from './context.js';

export interface StopOptions {
  /** Also while it is used: whoever is in it is ended. */
  force: boolean;
  /** Leave a namespace that is used alone, without a word: after the last reference is gone. */
  unused?: boolean;
}

/**
 * Tear the namespace down now, without lingering. The lock is held. Nothing there is fine.
 *
 * `live` goes first, as in scripts/reap.sh: then nobody can join without the lock, and who joined before holds a lease.
 *
 * @throws RnetnsError ERR_IN_USE, naming who uses it; nothing was changed.
 */
export async function stop({ state, env, log }: Context, { force, unused = false }: StopOptions): Promise<void> {
  if (statStateDirectory(state) === undefined) return;
  if (isInside(state)) throw insideError(state, 'remove');
  // Where nothing is up it is not to be emptied before somebody has looked who else was in it.
  if (!existsSync(state.live)) checkClosed(state);
  const taken = `${state.live}.reaping`;
  if (existsSync(state.live)) renameSync(state.live, taken);
  const users = findUsers({ state });
  if (users.length > 0 && !force) {
    if (existsSync(taken)) renameSync(taken, state.live);
    if (unused) return;
    throw new RnetnsError('ERR_IN_USE', `the namespace ${state.name} is in use by ${users.join(', ')}`, {
      hint: 'rnetns stop --force ends them too',
    });
  }
  log.debug(`removing ${state.path}`);
  rmSync(taken, { force: true });
  await removeNamespace(state, env);
}

/** Phrases: commands that hold a lease, processes without one, durable references. */
function findUsers({ state }: Pick<Context, 'state'>): string[] {
  const { generation, ...parts } = findComponents(state);
  const record = readRecord(state);
  const leased = holdsLease(state, generation ?? record?.generation);
  const ours = new Set(Object.values(parts).map((process) => process?.pid));
  const pids = new Set([...leased, ...membersWith(parts.keeper, state, record)]);
  const users = [...pids].filter((pid) => {
    // Without a parent it has ended.
    const parent = parentPid(pid);
    return parent !== undefined && !ours.has(pid) && !ours.has(parent);
  });
  const { count } = readReferences(state, namedNamespaces(state).keys());
  return [
    ...(users.length === 0 ? [] : [`${users.length === 1 ? 'process' : 'processes'} ${users.slice(0, 10).join(' ')}`]),
    ...(count === 0
      ? []
      : [count === null ? 'references (see status)' : `${count} reference${count === 1 ? '' : 's'} of setup`]),
  ];
}
