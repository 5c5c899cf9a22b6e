import { Option } from 'commander';
import { RnetnsError } from '../errors/error.js';

/** `--timeout SECONDS`, with fractions. */
export function timeoutOption(what: string, defaultSeconds: number): Option {
  return new Option('--timeout <seconds>', what).default(defaultSeconds).argParser((text) => {
    const seconds = Number(text);
    if (/^\d{1,5}(\.\d+)?$/.test(text) && seconds > 0) return seconds;
    throw new RnetnsError('ERR_USAGE', `--timeout must be a number of seconds above 0, but is ${text}`, {
      hint: `without it: ${defaultSeconds} s ${what}`,
    });
  });
}
