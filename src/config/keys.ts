/** Every key there is: where it stands, what it takes, and which field of Config it is. */

import { DNS_FALLBACKS, LOG_LEVELS, NETWORK_BACKENDS, type Config } from './config.js';
import {
  absolutePath,
  argument,
  driverName,
  ipAddress,
  keyValue,
  oneOf,
  optionalPath,
  seconds,
  word,
} from './value.js';

export const SECTIONS = ['network', 'engine', 'rnetns'] as const;
export type Section = (typeof SECTIONS)[number];

/** `name = value` */
export interface OneKey {
  readonly kind: 'one';
  readonly section: Section;
  readonly name: string;
  /** @throws Refused */
  set(config: Config, text: string): void;
  get(config: Config): string | number | null;
}

/** `name[] = value`, a line for each. */
export interface ListKey {
  readonly kind: 'list';
  readonly section: Section;
  readonly name: string;
  /** @throws Refused */
  item(text: string): string;
  set(config: Config, items: readonly string[]): void;
  get(config: Config): readonly string[];
}

export type Key = OneKey | ListKey;

function one<T>(
  section: Section,
  name: string,
  parse: (text: string) => T,
  put: (config: Config, value: T) => void,
  get: OneKey['get'],
): OneKey {
  return { kind: 'one', section, name, set: (config, text) => put(config, parse(text)), get };
}

function list(
  section: Section,
  name: string,
  item: ListKey['item'],
  set: ListKey['set'],
  get: ListKey['get'],
): ListKey {
  return { kind: 'list', section, name, item, set, get };
}

/** By itself too, as a variable and a flag set it as well. */
export const LOG_LEVEL = one(
  'rnetns',
  'log_level',
  oneOf(LOG_LEVELS),
  ({ rnetns }, value) => (rnetns.logLevel = value),
  ({ rnetns }) => rnetns.logLevel,
);

/** In the order of the file, which is also that of `rnetns config`. */
export const KEYS: readonly Key[] = [
  one(
    'network',
    'default_rootless_network_cmd',
    driverName,
    ({ network }, value) => (network.defaultRootlessNetworkCmd = value),
    ({ network }) => network.defaultRootlessNetworkCmd ?? null,
  ),
  list(
    'network',
    'pasta_options',
    argument,
    ({ network }, items) => (network.pastaOptions = items),
    ({ network }) => network.pastaOptions,
  ),
  one(
    'network',
    'network_backend',
    oneOf(NETWORK_BACKENDS),
    ({ network }, value) => (network.networkBackend = value),
    ({ network }) => network.networkBackend,
  ),
  one(
    'network',
    'dns_fallback',
    oneOf(DNS_FALLBACKS),
    ({ network }, value) => (network.dnsFallback = value),
    ({ network }) => network.dnsFallback,
  ),
  list(
    'network',
    'dns_servers',
    ipAddress,
    ({ network }, items) => (network.dnsServers = items),
    ({ network }) => network.dnsServers,
  ),
  list(
    'network',
    'dns_searches',
    word,
    ({ network }, items) => (network.dnsSearches = items),
    ({ network }) => network.dnsSearches,
  ),
  list(
    'network',
    'dns_options',
    word,
    ({ network }, items) => (network.dnsOptions = items),
    ({ network }) => network.dnsOptions,
  ),
  list(
    'network',
    'cni_plugin_dirs',
    absolutePath,
    ({ network }, items) => (network.cniPluginDirs = items),
    ({ network }) => network.cniPluginDirs,
  ),
  one(
    'engine',
    'network_cmd_path',
    optionalPath,
    ({ engine }, value) => (engine.networkCmdPath = value),
    ({ engine }) => engine.networkCmdPath ?? null,
  ),
  list(
    'engine',
    'network_cmd_options',
    keyValue,
    ({ engine }, items) => (engine.networkCmdOptions = items),
    ({ engine }) => engine.networkCmdOptions,
  ),
  list(
    'engine',
    'helper_binaries_dir',
    absolutePath,
    ({ engine }, items) => (engine.helperBinariesDirs = items),
    ({ engine }) => engine.helperBinariesDirs,
  ),
  one(
    'rnetns',
    'linger',
    seconds,
    ({ rnetns }, value) => (rnetns.lingerSeconds = value),
    ({ rnetns }) => rnetns.lingerSeconds,
  ),
  LOG_LEVEL,
];
