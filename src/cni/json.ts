/** JSON as libcni and the plugins, which are Go programs, mean it. */

import type { JsonObject } from '../state/json.js';

/** For messages: what a value is, in JSON's words. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/**
 * A field of what libcni and the plugins read into a Go struct: the name in any case counts, the exact one first.
 *
 * @see https://pkg.go.dev/encoding/json#Unmarshal
 */
export function structField(object: JsonObject, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name];
  const key = Object.keys(object).find((other) => other.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : object[key];
}

/** A copy without these keys. */
export function without(object: JsonObject, drop: (key: string) => boolean): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !drop(key)));
}
