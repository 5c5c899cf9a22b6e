/**
 * The kinds of value a setting can have: text in, typed value out, `Refused` with what would be right otherwise.
 *
 * They are the same for rnetns.conf and containers.conf, so that a value means the same wherever it stands.
 */

import type * as Net from 'node:net';
import { lazyRequire } from './lazy-require.js';
import { DRIVER_NAMES, type DriverName } from './config.js';

/** A value was refused; the message says what would be right. Never leaves this folder. */
export class Refused extends Error {}

/** A day: a namespace that should stay longer than that is kept by a reference, not by lingering. */
export const MAX_LINGER_SECONDS = 86_400;

export function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}

export function oneOf<T extends string>(allowed: readonly T[]): (text: string) => T {
  return (text) => {
    const found = allowed.find((word) => word === text);
    if (found === undefined) throw new Refused(`must be ${orList(allowed)}`);
    return found;
  };
}

/** Podman compares the name without regard to case, and takes the empty string for "not set". */
export function driverName(text: string): DriverName | undefined {
  if (text === '') return undefined;
  const name = text.toLowerCase();
  const found = DRIVER_NAMES.find((known) => known === name);
  if (found === undefined) throw new Refused(`must be ${orList(DRIVER_NAMES)}, or empty for the first one installed`);
  return found;
}

export function seconds(text: string): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (!(value <= MAX_LINGER_SECONDS)) throw new Refused(`must be seconds, a number from 0 to ${MAX_LINGER_SECONDS}`);
  return value;
}

/** One argument of a program, passed on as it is. */
export function argument(text: string): string {
  if (text === '') throw new Refused('must not be empty');
  return text;
}

export function absolutePath(text: string): string {
  if (!text.startsWith('/')) throw new Refused('must be an absolute path');
  return text;
}

export function optionalPath(text: string): string | undefined {
  if (text === '') return undefined;
  if (!text.startsWith('/')) throw new Refused('must be an absolute path, or empty to look for the driver');
  return text;
}

/** An IPv6 address may carry a zone, as in resolv.conf(5): `fe80::1%eth0`. */
export function ipAddress(text: string): string {
  const { isIP } = lazyRequire('node:net') as typeof Net;
  if (isIP(text) === 0) throw new Refused('must be one IPv4 or IPv6 address');
  return text;
}

/** One word of a line of resolv.conf(5); a blank in it would make it two. */
export function word(text: string): string {
  if (!/^\S+$/.test(text)) throw new Refused('must be one word, without blanks');
  return text;
}

/** Only the shape; which options slirp4netns has, its driver knows. */
export function keyValue(text: string): string {
  if (!/^[\w-]+=.+$/.test(text)) throw new Refused('must look like key=value, as in mtu=65520');
  return text;
}
