/**
 * CNI_ARGS: pairs that every plugin is given, `KEY=VALUE;KEY2=VALUE2`.
 *
 * There is no quoting, so neither side can hold `;` or `=`: a plugin would refuse or misread them.
 *
 * @see LoadArgs, https://github.com/containernetworking/cni/blob/main/pkg/types/args.go
 */

import { quote } from '../config/bad-setting.js';
import { CNI_CODE, CniError } from './error.js';

export type ArgPair = readonly [key: string, value: string];

/** @throws CniError badEnvironment naming the pair. */
export function parseArgs(text: string): ArgPair[] {
  if (text === '') return [];
  return text.split(';').map((pair) => {
    const [key = '', ...values] = pair.split('=');
    if (key === '' || values.length !== 1) throw refuse(pair);
    return [key, values[0] ?? ''];
  });
}

/** @throws CniError badEnvironment naming the pair that can't be written so. */
export function formatArgs(pairs: readonly ArgPair[]): string {
  for (const [key, value] of pairs) {
    if (key === '' || /[;=\0]/.test(key + value)) throw refuse(`${key}=${value}`);
  }
  return pairs.map(([key, value]) => `${key}=${value}`).join(';');
}

/**
 * The same, and plugins ignore what they don't know: what made ADD fail must not keep DEL from freeing what is left of it.
 *
 * @see https://github.com/containernetworking/cni/blob/main/CONVENTIONS.md#cni_args
 */
export function tolerantArgs(pairs: readonly ArgPair[]): readonly ArgPair[] {
  if (pairs.length === 0) return pairs;
  return [['IgnoreUnknown', '1'], ...pairs.filter(([key]) => key !== 'IgnoreUnknown')];
}

function refuse(pair: string): CniError {
  return new CniError(CNI_CODE.badEnvironment, `invalid pair ${quote(pair)} in CNI_ARGS`, {
    hint: 'KEY=VALUE;KEY2=VALUE2, without ; and = in keys and values',
  });
}
