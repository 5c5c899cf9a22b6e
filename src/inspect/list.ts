import { StateDirectory } from '../state/directory.js';
import { stateNames } from '../state/runtime.js';
import { readStatus, type Status } from './status.js';

/**
 * The status of every shared namespace below a base directory, sorted by name; those that are down are no more.
 *
 * @param how - as {@link readStatus} has it.
 */
export async function listNamespaces(base: string, how?: { askDriver?: boolean }): Promise<Status[]> {
  const all = await Promise.all(
    stateNames(base).map((name) => readStatus(new StateDirectory(base, name), how).catch(() => undefined)),
  );
  return all.filter((status) => status !== undefined && status.state !== 'down') as Status[];
}
