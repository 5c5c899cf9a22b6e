/**
 * Networks from the directories where administrators and users put them.
 *
 * In each directory: the .conflist files by name, then the .conf and .json files by name. A network is known by the
 * `name` in the file, and the first file with it wins. A file that can't be used blocks no other network: it is left
 * out and named, as podman does it (libcni refuses the whole directory). When a network isn't found, the files that were left
 * out are part of the error, as one of them may be the one that was meant.
 *
 * @see LoadNetworkConf, https://github.com/containernetworking/cni/blob/main/libcni/conf.go
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoCode, errnoReason } from '../config/errno.js';
import { CNI_CODE, CniError } from './error.js';
import { appendPlugins, type NetworkList, parseNetworkList, parsePlugin, parseSinglePlugin } from './network-conf.js';

export const SYSTEM_DIRECTORY = '/etc/cni/net.d';

/** @param configHome - `$XDG_CONFIG_HOME` or `~/.config`; undefined where the user has no home. */
export function networkDirectories(configHome: string | undefined): string[] {
  return configHome === undefined ? [SYSTEM_DIRECTORY] : [join(configHome, 'cni/net.d'), SYSTEM_DIRECTORY];
}

export interface FoundNetwork {
  readonly list: NetworkList;
  readonly file: string;
}

export interface SkippedFile {
  readonly file: string;
  readonly reason: string;
  /** What is in it, if that can be read. */
  readonly text: string;
}

export interface LoadedNetworks {
  /** One of each name, in the order in which they were found. */
  readonly networks: readonly FoundNetwork[];
  readonly skipped: readonly SkippedFile[];
}

/** Every network of these directories. Never throws: what is wrong is in `skipped`. */
export function loadNetworks(directories: readonly string[]): LoadedNetworks {
  const networks = new Map<string, FoundNetwork>();
  const skipped: SkippedFile[] = [];
  for (const file of directories.flatMap((directory) => configFiles(directory, skipped))) {
    try {
      const list = loadFile(file);
      if (!networks.has(list.name)) networks.set(list.name, { list, file });
    } catch (cause) {
      skipped.push({ file, reason: reasonOf(cause), text: textOf(file) });
    }
  }
  return { networks: [...networks.values()], skipped };
}

/**
 * The network of this name, with the files that had to be left out on the way, for a warning.
 *
 * @throws CniError badConfig: none of that name; names the directories and what was left out.
 */
export function findNetwork(
  directories: readonly string[],
  name: string,
): FoundNetwork & Pick<LoadedNetworks, 'skipped'> {
  const { networks, skipped } = loadNetworks(directories);
  const found = networks.find(({ list }) => list.name === name);
  if (found !== undefined) return { ...found, skipped };
  throw noNetwork(directories, name, networks, skipped);
}

/** Why there is none of that name. */
export function noNetwork(
  directories: readonly string[],
  name: string,
  networks: LoadedNetworks['networks'],
  skipped: LoadedNetworks['skipped'],
): CniError {
  const names = networks.map(({ list }) => list.name).join(', ');
  const where = directories.join(' or ');
  return new CniError(CNI_CODE.badConfig, `no network configuration with name ${JSON.stringify(name)} in ${where}`, {
    details: skipped.map(({ file, reason }) => `${file} cannot be used: ${reason}`).join('; '),
    hint: names === '' ? `put a .conflist file in one of them` : `networks that are there: ${names}`,
  });
}

/** The list in a file, with the plugins in `DIRECTORY/NAME/*.conf` after its own. @throws CniError or a system error. */
function loadFile(file: string): NetworkList {
  if (!file.endsWith('.conflist')) return parseSinglePlugin(readRegularFile(file));
  const list = parseNetworkList(readRegularFile(file));
  if (list.loadOnlyInlinedPlugins) return list;
  const fragments = listFiles(join(dirname(file), list.name), ['.conf']).map((fragment) => {
    try {
      return parsePlugin(readRegularFile(fragment));
    } catch (cause) {
      throw new CniError(CNI_CODE.badConfig, `${fragment}: ${reasonOf(cause)}`, { cause });
    }
  });
  const whole = appendPlugins(list, fragments);
  if (whole.plugins.length === 0) throw new CniError(CNI_CODE.badConfig, 'no plugin configs found');
  return whole;
}

function configFiles(directory: string, skipped: SkippedFile[]): string[] {
  try {
    return [...listFiles(directory, ['.conflist']), ...listFiles(directory, ['.conf', '.json'])];
  } catch (cause) {
    skipped.push({ file: directory, reason: reasonOf(cause), text: '' });
    return [];
  }
}

/** By name, byte by byte; none of a directory that isn't there. */
function listFiles(directory: string, extensions: readonly string[]): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && extensions.some((extension) => entry.name.endsWith(extension)))
      .map((entry) => join(directory, entry.name))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoCode(cause) ?? '')) return [];
    throw cause;
  }
}

/** Not a FIFO, which could keep us waiting for ever. */
function readRegularFile(file: string): string {
  if (!statSync(file).isFile()) throw new CniError(CNI_CODE.io, 'not a regular file');
  return readFileSync(file, 'utf8');
}

function textOf(file: string): string {
  try {
    return readRegularFile(file);
  } catch {
    return '';
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof CniError ? cause.message : errnoReason(cause);
}
