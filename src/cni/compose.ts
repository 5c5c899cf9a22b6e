/**
 * What a plugin is given: its environment and its stdin, by verb. Pure.
 *
 * @see SPEC.md sections 2 and 3, https://github.com/containernetworking/cni/blob/main/SPEC.md#deriving-request-configuration-from-plugin-configuration
 * @see buildOneConfig and args, https://github.com/containernetworking/cni/blob/main/libcni/api.go
 */

import { searchPath } from '../exec/find-program.js';
import { type ArgPair, formatArgs } from './args.js';
import { structField, without } from './json.js';
import { isObject, type JsonObject } from '../state/json.js';
import type { PluginConf } from './network-conf.js';
import { atLeast, CURRENT_VERSION } from './version.js';

/** The capability that publishes ports. */
export const PORT_MAPPINGS = 'portMappings';

export type Verb = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

/** One interface of one container. */
export interface AttachmentId {
  readonly containerId: string;
  readonly ifName: string;
}

/** An attachment with all that the caller says about it. */
export interface Attachment extends AttachmentId {
  /** Path of its network namespace, as the plugins see it; on DEL it may be empty. */
  readonly netns: string;
  readonly args: readonly ArgPair[];
  /** What is given for each capability; a plugin gets those it has. */
  readonly capabilityArgs: JsonObject;
}

export interface Surroundings {
  /** Where plugins are looked for, in this order; also by plugins, for the ones they call. */
  readonly pluginDirs: readonly string[];
  /** The caller's PATH. */
  readonly path: string | undefined;
}

/**
 * The whole environment of a plugin: the spec's names, and a PATH with /usr/sbin, where iptables is on Debian. Nothing
 * of the caller's: a D-Bus address would lead the firewall plugin to the host's firewalld.
 *
 * @param attachment - of ADD, DEL and CHECK.
 */
export function composeEnvironment(
  verb: Verb,
  { pluginDirs, path }: Surroundings,
  attachment?: Attachment,
): Record<string, string> {
  // Plugins made with an old skel want all of them even for VERSION.
  const rest = verb === 'VERSION' ? 'dummy' : '';
  return {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: attachment?.containerId ?? '',
    CNI_NETNS: attachment?.netns ?? rest,
    CNI_IFNAME: attachment?.ifName ?? rest,
    CNI_ARGS: formatArgs(attachment?.args ?? []),
    CNI_PATH: verb === 'VERSION' ? rest : pluginDirs.join(':'),
    PATH: searchPath(path),
  };
}

/**
 * Keys that the specification wants left out. What else a configuration has goes to the plugin, as by libcni: also a
 * `runtimeConfig` or a `prevResult` that somebody wrote in it.
 */
const RESERVED = new Set(['name', 'cniVersion', 'capabilities']);

function composeRequest(network: string, version: string, plugin: PluginConf, more: JsonObject): string {
  const own = without(plugin.config, (key) => RESERVED.has(key) || key.startsWith('cni.dev/'));
  return JSON.stringify({ ...own, name: network, cniVersion: version, ...more });
}

/**
 * stdin of ADD and CHECK; of DEL too, see {@link composeDelRequest}.
 *
 * What is given for a capability counts more than what the configuration says of the same one. libcni puts all that is
 * given in the place of all that is written there, so that a limit in the file is lost with the first published port.
 */
export function composeRequestFor(
  network: string,
  version: string,
  plugin: PluginConf,
  { capabilityArgs }: Pick<Attachment, 'capabilityArgs'>,
  prevResult: object | undefined,
): string {
  const given = plugin.capabilities.filter((name) => Object.hasOwn(capabilityArgs, name));
  const written = structField(plugin.config, 'runtimeConfig');
  const runtimeConfig = {
    ...(isObject(written) ? written : {}),
    ...Object.fromEntries(given.map((name) => [name, capabilityArgs[name]])),
  };
  return composeRequest(network, version, plugin, {
    ...(prevResult === undefined ? {} : { prevResult }),
    ...(given.length === 0 ? {} : { runtimeConfig }),
  });
}

/** stdin of DEL: plugins of before 0.4.0 don't know a previous result there. */
export function composeDelRequest(
  ...[network, version, plugin, attachment, prevResult]: Parameters<typeof composeRequestFor>
): string {
  const known = atLeast(version, '0.4.0') ? prevResult : undefined;
  return composeRequestFor(network, version, plugin, attachment, known);
}

/** stdin of STATUS. */
export function composeStatusRequest(network: string, version: string, plugin: PluginConf): string {
  return composeRequest(network, version, plugin, {});
}

/**
 * stdin of GC: the attachments that are still in use, under both names that the spec has had for them.
 *
 * @see https://github.com/containernetworking/cni/issues/1101
 */
export function composeGcRequest(
  network: string,
  version: string,
  plugin: PluginConf,
  valid: readonly AttachmentId[],
): string {
  const attachments = valid.map(({ containerId, ifName }) => ({ containerID: containerId, ifname: ifName }));
  return composeRequest(network, version, plugin, {
    'cni.dev/valid-attachments': attachments,
    'cni.dev/attachments': attachments,
  });
}

/** stdin of VERSION. */
export function composeVersionRequest(): string {
  return JSON.stringify({ cniVersion: CURRENT_VERSION });
}
