import { CNI_CODE, CniError } from '../../cni/error.js';
import { findNetwork, networkDirectories } from '../../cni/load.js';
import type { NetworkList } from '../../cni/network-conf.js';
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

/** DEL and CHECK work with what ADD was done with; the files may be gone by then. */
export function findToday(network: string): NetworkList | undefined {
  try {
    return findNetwork(directories(), network).list;
  } catch (error) {
    if (error instanceof CniError && error.cniCode === CNI_CODE.badConfig) return undefined;
    throw error;
  }
}
