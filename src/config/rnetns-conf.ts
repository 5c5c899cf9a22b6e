import { badSetting, quote, type Origin } from './bad-setting.js';
import { checkedItem, type EffectiveSettings } from './effective.js';
import { parseIniLines, type IniLine } from './ini-lines.js';
import { KEYS, SECTIONS, type Key, type ListKey } from './keys.js';
import { nearest } from './nearest.js';
import { orList } from './value.js';

/**
 * Lay one rnetns.conf over the settings so far.
 *
 * A list of this file replaces that of the layers below; an empty `key[] =` empties it. A list key without `[]` is
 * refused rather than read as a list of one: `pasta_options = --mtu 1400` would look right and be a single argument.
 * The same key twice is refused too, as only one of the two can be meant.
 */
export function applyRnetnsConf(effective: EffectiveSettings, text: string, source: string): void {
  const lists = new Map<ListKey, string[]>();
  const seen = new Map<Key, number>();

  for (const line of parseIniLines(text, source)) {
    const origin = { source, line: line.line };
    if (line.kind === 'section') {
      if (!SECTIONS.some((known) => known === line.section)) throw unknownSection(line.section, origin);
      continue;
    }
    const key = findKey(line, origin);
    effective.markOwn(key);
    if (key.kind === 'list') {
      const items = lists.get(key) ?? [];
      lists.set(key, line.value === '' ? [] : [...items, checkedItem(key, line.value, origin)]);
      continue;
    }
    const before = seen.get(key);
    if (before !== undefined) {
      throw badSetting(origin, `[${key.section}] ${key.name} is set already on line ${before}`, {
        hint: 'keep one of the two lines',
      });
    }
    seen.set(key, line.line);
    effective.setOne(key, line.value, origin);
  }
  for (const [key, items] of lists) effective.setList(key, items, source);
}

function findKey({ section, key: name, isList }: IniLine & { kind: 'setting' }, origin: Origin): Key {
  const key = KEYS.find((known) => known.section === section && known.name === name);
  if (key === undefined) throw unknownKey(section, name, origin);
  if (key.kind === 'list' && !isList) {
    throw badSetting(origin, `[${key.section}] ${name} is a list`, {
      hint: `write ${name}[] = VALUE, one line for each value`,
    });
  }
  if (key.kind === 'one' && isList) {
    throw badSetting(origin, `[${key.section}] ${name} takes one value, not a list`, {
      hint: `write ${name} = VALUE`,
    });
  }
  return key;
}

function unknownSection(section: string, origin: Origin): Error {
  const meant = nearest(section, SECTIONS);
  return badSetting(origin, `there is no section ${quote(section)}`, {
    hint: meant === undefined ? `the sections are ${SECTIONS.join(', ')}` : `did you mean [${meant}]?`,
  });
}

function unknownKey(section: string | undefined, name: string, origin: Origin): Error {
  const elsewhere = KEYS.find((known) => known.name === name);
  if (section === undefined) {
    return badSetting(origin, `${quote(name)} stands before any [section]`, {
      hint:
        elsewhere === undefined ? `the sections are ${SECTIONS.join(', ')}` : `it belongs to [${elsewhere.section}]`,
    });
  }
  const inSection = KEYS.filter((known) => known.section === section).map((known) => known.name);
  return badSetting(origin, `there is no key ${quote(name)} in [${section}]`, {
    hint: elsewhere === undefined ? suggestion(name, section, inSection) : `it belongs to [${elsewhere.section}]`,
  });
}

function suggestion(name: string, section: string, inSection: readonly string[]): string {
  const meant = nearest(name, inSection);
  if (meant !== undefined) return `did you mean ${meant}?`;
  const far = nearest(
    name,
    KEYS.map((known) => known.name),
  );
  const other = KEYS.find((known) => known.name === far);
  if (other !== undefined) return `did you mean ${other.name} in [${other.section}]?`;
  return `[${section}] has ${orList(inSection).replace(' or ', ' and ')}`;
}
