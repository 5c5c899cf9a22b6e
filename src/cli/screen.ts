import { processEnvironment, variable } from '../config/environment.js';

/** Where text goes, and what it may be like there. */
export interface Screen {
  /** Columns of the terminal; undefined: as many as it takes. */
  columns: number | undefined;
  colour: boolean;
}

/** Colour only on a terminal that has some, and never against the user's will: https://no-color.org */
export function screenOf(stream: NodeJS.WriteStream): Screen {
  const env = processEnvironment();
  const colour = stream.isTTY && variable(env, 'NO_COLOR') === undefined && env.TERM !== 'dumb';
  // A terminal that doesn't know its size says 0.
  return { columns: stream.isTTY && stream.columns > 0 ? stream.columns : undefined, colour };
}

export function bold(text: string, { colour }: Screen): string {
  return colour ? `\x1b[1m${text}\x1b[22m` : text;
}
