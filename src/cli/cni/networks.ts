import type { Today } from '../../cni/attached.js';
import { CniError } from '../../cni/error.js';
import type { CachedAttachment } from '../../cni/cache.js';
import { findNetwork, loadNetworks, networkDirectories, noNetwork, type SkippedFile } from '../../cni/load.js';
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
  tellOfSkipped(log, skipped, network);
  return list;
}

/** What has nothing to do with the network is no news to a caller who uses another one. */
function tellOfSkipped(log: CliContext['log'], skipped: readonly SkippedFile[], network: string): void {
  for (const { file, reason, text } of skipped) {
    const message = `${file} is left out: ${reason}`;
    if (isAbout(text, network)) log.warn(message);
    else log.debug(message);
  }
}

/** A file that can't be used may still say whose it is, at least to the eye. */
function isAbout(text: string, network: string): boolean {
  return text.includes(JSON.stringify(network));
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
export function findToday({ log }: Pick<CliContext, 'log'>, network: string): Today {
  const { networks, skipped } = loadNetworks(directories());
  tellOfSkipped(log, skipped, network);
  return (
    networks.find(({ list }) => list.name === network)?.list ?? noNetwork(directories(), network, networks, skipped)
  );
}
