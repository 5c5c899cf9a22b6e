import type { WriteStream } from 'node:tty';
import { processEnvironment, variable } from '../config/environment.js';

/** Only for a terminal that has it, and never against the user's will: https://no-color.org */
export function wantsColour(stream: Pick<WriteStream, 'isTTY'>): boolean {
  const env = processEnvironment();
  return stream.isTTY && variable(env, 'NO_COLOR') === undefined && env.TERM !== 'dumb';
}
