import type { Today } from '../../cni/attached.js';
import { CNI_CODE, CniError } from '../../cni/error.js';
import type { CachedAttachment } from '../../cni/cache.js';
import { findNetwork, networkDirectories } from '../../cni/load.js';
import { parseNetworkList, type NetworkList } from '../../cni/network-conf.js';
import { processEnvironment } from '../../config/environment.js';
import type { CliContext } from '../context.js';

/** Where the caller's network lists are. */
export function directories(): string[] {
  const { XDG_CONFIG_HOME: configHome, HOME: home } = processEnvironment();
  const own =
    configHome !== undefined && configHome !== '' ? configHome : home === undefined ? undefined : `${home}/.config`;
  return networkDirectories(own);
}

/** @throws CniError badConfig: there is no network of that name. */
export function findList({ log }: Pick<CliContext, 'log'>, network: string): NetworkList {
  const { list, skipped } = findNetwork(directories(), network);
  for (const { file, reason } of skipped) log.warn(`${file} is left out: ${reason}`);
  return list;
}

/**
 * The same for `gc`, which also frees what was attached with a file that is gone by now.
 *
 * @param attached - the attachments that there are.
 */
export function findAttachedList(
  context: Pick<CliContext, 'log'>,
  network: string,
  attached: readonly CachedAttachment[],
): NetworkList {
  const cached = attached.find((attachment) => attachment.network === network && attachment.config !== '');
  if (cached === undefined) return findList(context, network);
  const today = findToday(context, network);
  return today instanceof CniError ? parseNetworkList(cached.config) : today;
}

/** DEL and CHECK work with what ADD was done with; the files may be gone by then. */
export function findToday(context: Pick<CliContext, 'log'>, network: string): Today {
  try {
    return findList(context, network);
  } catch (error) {
    if (error instanceof CniError && error.cniCode === CNI_CODE.badConfig) return error;
    throw error;
  }
}
