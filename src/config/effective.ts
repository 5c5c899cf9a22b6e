import type { Config, Setting } from './config.js';
import { badSetting, quote, type Origin } from './bad-setting.js';
import { defaultConfig } from './defaults.js';
import { KEYS, type Key, type ListKey, type OneKey } from './keys.js';
import { Refused } from './value.js';
import type { OwnSources } from './without-effect.js';

export const BUILT_IN = 'built-in';

/** The settings while the layers are laid over each other: the values so far and where each came from. */
export class EffectiveSettings {
  readonly config: Config = defaultConfig();
  readonly #sources = new Map<Key, string>();
  /** Keys that an rnetns.conf sets: containers.conf, which all of those lie over, isn't written for rnetns. */
  readonly #own = new Set<Key>();

  /** @throws RnetnsError - the value is not one the key can have. */
  setOne(key: OneKey, text: string, origin: Origin): void {
    checked(key, text, origin, () => key.set(this.config, text));
    this.#sources.set(key, origin.source);
  }

  /** The items are checked before, each with its own line: see `checkedItem`. */
  setList(key: ListKey, items: readonly string[], source: string): void {
    key.set(this.config, items);
    this.#sources.set(key, source);
  }

  /** What was set by this key is from an rnetns.conf. */
  markOwn(key: Key): void {
    this.#own.add(key);
  }

  own(): OwnSources {
    return new Map([...this.#own].map((key) => [fullName(key), this.#sources.get(key) ?? BUILT_IN]));
  }

  list(): Setting[] {
    return KEYS.map((key) => ({
      key: fullName(key),
      value: key.get(this.config),
      source: this.#sources.get(key) ?? BUILT_IN,
    }));
  }
}

function fullName({ section, name }: Key): string {
  return `${section}.${name}`;
}

/** @throws RnetnsError - the value is not one this list can hold. */
export function checkedItem(key: ListKey, text: string, origin: Origin): string {
  return checked(key, text, origin, () => key.item(text));
}

function checked<T>(key: Key, text: string, origin: Origin, check: () => T): T {
  const name = `[${key.section}] ${key.name}${key.kind === 'list' ? '[]' : ''} = `;
  // A variable or flag is its own name and has no line.
  const written = `${origin.line === undefined ? '' : name}${quote(text)}`;
  // Every value ends up in an argv, a path or a line of resolv.conf; none of them can hold these.
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text)) {
    throw badSetting(origin, `${written}: control characters are not allowed`);
  }
  try {
    return check();
  } catch (cause) {
    if (cause instanceof Refused) throw badSetting(origin, `${written}: ${cause.message}`);
    throw cause;
  }
}
