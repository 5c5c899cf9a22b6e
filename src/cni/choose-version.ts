/**
 * The version to speak with all plugins of a list.
 *
 * libcni takes the newest that the list allows and lets the plugins refuse it, so the spec's own example of
 * `cniVersions` fails with plugins of before 1.1. The spec lets a runtime ask first: we take the newest that the list
 * allows and every plugin lists. Plugins compare texts, so a version must be listed exactly.
 *
 * @see SPEC.md, "version considerations", https://github.com/containernetworking/cni/blob/main/SPEC.md#version-considerations
 */

import { CNI_CODE, CniError } from './error.js';
import { CNI_VERSIONS, type CniVersion, isKnownVersion } from './version.js';

export interface PluginVersions {
  readonly type: string;
  readonly versions: readonly string[];
}

/**
 * @param allowed - by the list, oldest first.
 * @throws CniError incompatibleVersion, with what the list allows and what each plugin can.
 */
export function chooseVersion(allowed: readonly string[], plugins: readonly PluginVersions[]): CniVersion {
  const chosen = allowed
    .filter(isKnownVersion)
    .filter((version) => plugins.every(({ versions }) => versions.includes(version)))
    .at(-1);
  if (chosen !== undefined) return chosen;
  const abilities = plugins.map(({ type, versions }) => `${type} supports ${versions.join(', ')}`);
  throw new CniError(CNI_CODE.incompatibleVersion, 'incompatible CNI versions', {
    details: [`the network allows ${allowed.join(', ')}`, ...abilities].join('; '),
    hint: `set cniVersions in the network configuration; rnetns knows ${CNI_VERSIONS.join(', ')}`,
  });
}
