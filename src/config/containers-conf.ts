/**
 * containers.conf(5), as far as it concerns rnetns: five keys, the rest is podman's.
 * https://github.com/containers/common/blob/main/docs/containers.conf.5.md
 */

import type * as Toml from 'smol-toml';
import { badSetting, quote, type Origin } from './bad-setting.js';
import { checkedItem, type EffectiveSettings } from './effective.js';
import { KEYS, type ListKey } from './keys.js';
import { lazyRequire } from './lazy-require.js';
import { tomlLine } from './toml-line.js';

/** Same section, name and meaning in both files. */
const SHARED_NAMES = [
  'default_rootless_network_cmd',
  'pasta_options',
  'network_cmd_path',
  'network_cmd_options',
  'helper_binaries_dir',
];
const SHARED_KEYS = KEYS.filter((key) => SHARED_NAMES.includes(key.name));

/** The lists that a file put `{append=true}` into: it holds for the files after it too, until `{append=false}`. */
export type Appending = Set<ListKey>;

/** Lay one containers.conf over the settings so far. Keys we don't know are none of our business. */
export function applyContainersConf(
  effective: EffectiveSettings,
  text: string,
  source: string,
  appending: Appending,
): void {
  const document = parseToml(text, source);
  for (const key of SHARED_KEYS) {
    if (!Object.hasOwn(document, key.section)) continue;
    const table = document[key.section];
    if (!isTable(table)) {
      const line = tomlLine(text, key.section);
      throw badSetting({ source, line }, `${key.section} = ${quote(table)}: must be a table, [${key.section}]`);
    }
    if (!Object.hasOwn(table, key.name)) continue;

    const value = table[key.name];
    const origin = { source, line: tomlLine(text, key.section, key.name) };
    if (key.kind === 'list') {
      const { items, append } = readArray(key, value, origin);
      if (append === true) appending.add(key);
      if (append === false) appending.delete(key);
      effective.setList(key, appending.has(key) ? [...key.get(effective.config), ...items] : items, source);
    } else if (typeof value === 'string') {
      effective.setOne(key, value, origin);
    } else {
      throw badSetting(origin, `[${key.section}] ${key.name} = ${quote(value)}: must be a string in quotes`);
    }
  }
}

function parseToml(text: string, source: string): Record<string, unknown> {
  const { parse } = lazyRequire('smol-toml') as typeof Toml;
  try {
    // A number too large for JavaScript is fine in a key that is not ours.
    return parse(text.replace(/^\uFEFF/, ''), { integersAsBigInt: 'asNeeded' });
  } catch (cause) {
    const [why = ''] = cause instanceof Error ? cause.message.split('\n', 1) : [];
    const line = cause instanceof Error && 'line' in cause && typeof cause.line === 'number' ? cause.line : undefined;
    throw badSetting({ source, line }, why === '' ? 'not a TOML document' : why, {
      hint: 'this file is shared with podman, see containers.conf(5)',
      cause,
    });
  }
}

/** An array of strings, with `{append = true}` or `{append = false}` among them. */
function readArray(key: ListKey, value: unknown, origin: Origin): { items: string[]; append: boolean | undefined } {
  const written = `[${key.section}] ${key.name}`;
  if (!Array.isArray(value)) throw badSetting(origin, `${written} = ${quote(value)}: must be an array of strings`);
  const items: string[] = [];
  let append: boolean | undefined;
  for (const item of value as unknown[]) {
    if (typeof item === 'string') {
      // podman puts the directory of its own program in place of this one; we have no such directory.
      if (item === '$BINDIR' || item.startsWith('$BINDIR/')) continue;
      items.push(checkedItem(key, item, origin));
    } else if (isTable(item) && typeof item.append === 'boolean' && Object.keys(item).length === 1) {
      append = item.append;
    } else {
      throw badSetting(origin, `${written} has ${quote(item)}: must be a string, or {append=true}`);
    }
  }
  return { items, append };
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
