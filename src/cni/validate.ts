/**
 * Is a network usable: are its plugins there, and is there a version that all of them speak?
 *
 * @see ValidateNetworkList, https://github.com/containernetworking/cni/blob/main/libcni/api.go
 */

import { type Cni, failureOf, throwAll } from './chain.js';
import { chooseVersion, type PluginVersions } from './choose-version.js';
import type { CniError } from './error.js';
import { findPlugin } from './find-plugin.js';
import type { NetworkList } from './network-conf.js';
import { pluginVersions } from './plugin-versions.js';
import type { CniVersion } from './version.js';

export interface ValidNetwork {
  readonly version: CniVersion;
  /** What its plugins, taken together, take capability arguments for. */
  readonly capabilities: readonly string[];
}

/** @throws CniError all that is wrong, as one: each plugin that is missing or doesn't answer, no common version. */
export async function validateNetwork(cni: Cni, list: NetworkList): Promise<ValidNetwork> {
  const plugins: PluginVersions[] = [];
  const errors: CniError[] = [];
  for (const { type } of list.plugins) {
    const ask = async () =>
      plugins.push({ type, versions: await pluginVersions(cni, type, findPlugin(type, cni.pluginDirs)) });
    errors.push(...(await failureOf(ask)));
  }
  throwAll(errors.map((error) => error.during(`network ${list.name} is not valid`)));
  const capabilities = [...new Set(list.plugins.flatMap((plugin) => plugin.capabilities))];
  return { version: chooseVersion(list.versions, plugins), capabilities };
}
