/**
 * A network configuration: what is in a .conflist or, of old, in a .conf file. Pure: text in, NetworkList out.
 *
 * @see SPEC.md section 1, https://github.com/containernetworking/cni/blob/main/SPEC.md#configuration-format
 * @see NetworkConfFromBytes, https://github.com/containernetworking/cni/blob/main/libcni/conf.go
 */

import { quote } from '../config/bad-setting.js';
import { CNI_CODE, CniError } from './error.js';
import { kindOf, structField } from './json.js';
import { isObject, type JsonObject } from '../state/json.js';
import { checkNetworkName } from './names.js';
import { compareVersions, CURRENT_VERSION, OLDEST_VERSION, parseVersion } from './version.js';

export interface PluginConf {
  /** The name of its program. */
  readonly type: string;
  /** The capabilities that it says it has. */
  readonly capabilities: readonly string[];
  /** All of the object, with the keys that only the plugin knows. */
  readonly config: JsonObject;
}

export interface NetworkList {
  readonly name: string;
  /** The versions that it may be used with, oldest first; one or more. */
  readonly versions: readonly string[];
  readonly disableCheck: boolean;
  readonly disableGc: boolean;
  readonly loadOnlyInlinedPlugins: boolean;
  /** In the order of ADD. */
  readonly plugins: readonly PluginConf[];
  /** Text that parses to this very list: what the cache keeps, so that DEL is done with what ADD was. */
  readonly source: string;
}

/**
 * Parse a list. It may be without plugins where `plugins` is absent: files beside it supply them, see load.ts.
 *
 * @throws CniError decoding (no JSON) or badConfig, naming the key.
 */
export function parseNetworkList(text: string): NetworkList {
  const list = parseObject(text);
  const name = requireName(list.name);
  const loadOnlyInlinedPlugins = readFlag(list, 'loadOnlyInlinedPlugins');
  const fields = {
    name,
    versions: readVersions(list),
    disableCheck: readFlag(list, 'disableCheck'),
    disableGc: readFlag(list, 'disableGC'),
    loadOnlyInlinedPlugins,
    source: text,
  };
  if (list.plugins === undefined) {
    if (loadOnlyInlinedPlugins) throw bad('loadOnlyInlinedPlugins is true, and there is no plugins key');
    return { ...fields, plugins: [] };
  }
  if (!Array.isArray(list.plugins)) throw bad(`plugins must be an array, not ${kindOf(list.plugins)}`);
  if (list.plugins.length === 0) throw bad('no plugins in list');
  const plugins = list.plugins.map((plugin, index) => toPlugin(plugin, `plugin ${index}: `));
  return { ...fields, plugins };
}

/** Parse a plugin configuration by itself. @throws CniError decoding or badConfig. */
export function parsePlugin(text: string): PluginConf {
  return toPlugin(parseObject(text));
}

/**
 * Parse a .conf file with a single plugin, as before CNI 1.0, to the list that it is the only plugin of.
 *
 * @see ConfListFromConf, https://github.com/containernetworking/cni/blob/main/libcni/conf.go
 * @throws CniError decoding or badConfig.
 */
export function parseSinglePlugin(text: string): NetworkList {
  const { config } = parsePlugin(text);
  const name = structField(config, 'name');
  const cniVersion = structField(config, 'cniVersion');
  return parseNetworkList(JSON.stringify({ name, cniVersion, plugins: [config] }));
}

/** The list with more plugins at its end; its source holds them too. */
export function appendPlugins(list: NetworkList, more: readonly PluginConf[]): NetworkList {
  if (more.length === 0) return list;
  const plugins = [...list.plugins, ...more];
  const whole = { ...parseObject(list.source), loadOnlyInlinedPlugins: true, plugins: plugins.map((p) => p.config) };
  return { ...list, loadOnlyInlinedPlugins: true, plugins, source: JSON.stringify(whole) };
}

function bad(why: string): CniError {
  return new CniError(CNI_CODE.badConfig, why);
}

function parseObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CniError(CNI_CODE.decoding, `no JSON: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  if (!isObject(value)) throw bad(`must be an object, not ${kindOf(value)}`);
  return value;
}

function requireName(name: unknown): string {
  if (name === undefined) throw bad('no name');
  if (typeof name !== 'string') throw bad(`name must be a string, not ${kindOf(name)}`);
  checkNetworkName(name);
  return name;
}

/** Booleans may be written as text, in any case. */
function readFlag(list: JsonObject, key: string): boolean {
  const value = list[key];
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  if (typeof value !== 'string') throw bad(`${key} must be true or false, not ${kindOf(value)}`);
  const text = value.toLowerCase();
  if (text !== 'true' && text !== 'false') throw bad(`invalid value ${quote(value)} for ${key}`);
  return text === 'true';
}

/**
 * The versions to choose from. `cniVersion` alone is taken as it is; `cniVersions` are joined by it, and those newer
 * than ours are left out, unless nothing else is there: then the choice fails, and says why.
 */
function readVersions({ cniVersion = '', cniVersions = [] }: JsonObject): readonly string[] {
  if (typeof cniVersion !== 'string') throw bad(`cniVersion must be a string, not ${kindOf(cniVersion)}`);
  if (!Array.isArray(cniVersions)) throw bad(`cniVersions must be an array, not ${kindOf(cniVersions)}`);
  const all = (cniVersions as unknown[]).map((entry, index) => {
    if (typeof entry !== 'string') throw bad(`cniVersions[${index}] must be a string, not ${kindOf(entry)}`);
    if (parseVersion(entry) === undefined) throw bad(`cniVersions[${index}] is no version: ${quote(entry)}`);
    return entry;
  });
  if (all.length === 0) return [cniVersion === '' ? OLDEST_VERSION : cniVersion];
  if (cniVersion !== '') {
    if (parseVersion(cniVersion) === undefined) throw bad(`cniVersion is no version: ${quote(cniVersion)}`);
    all.push(cniVersion);
  }
  const sorted = [...new Set(all)].sort(compareVersions);
  const ours = sorted.filter((version) => compareVersions(version, CURRENT_VERSION) <= 0);
  return ours.length > 0 ? ours : sorted;
}

function toPlugin(value: unknown, where = ''): PluginConf {
  if (!isObject(value)) throw bad(`${where}must be an object, not ${kindOf(value)}`);
  const type = structField(value, 'type') ?? '';
  if (typeof type !== 'string') throw bad(`${where}type must be a string, not ${kindOf(type)}`);
  if (type === '') throw bad(`${where}missing 'type'`);
  const [capabilities] = ['capabilities', 'ipam', 'dns', 'prevResult'].map((key) => {
    const field = structField(value, key) ?? {};
    if (!isObject(field)) throw bad(`${where}${key} must be an object, not ${kindOf(field)}`);
    return Object.entries(field);
  });
  const wrong = capabilities?.find(([, on]) => typeof on !== 'boolean');
  if (wrong !== undefined) throw bad(`${where}capability ${quote(wrong[0])} must be true or false`);
  return {
    type,
    capabilities: (capabilities ?? []).flatMap(([name, on]) => (on === true ? [name] : [])),
    config: value,
  };
}
