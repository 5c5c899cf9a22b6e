import { processEnvironment, variable } from '../config/environment.js';
import { fit, visible, width } from './visible.js';

/** Where text goes, and what it may be like there. */
export interface Screen {
  /** Columns of the terminal; undefined: as many as it takes. */
  columns: number | undefined;
  colour: boolean;
}

/** Colour only on a terminal that has some, never with NO_COLOR (https://no-color.org). */
export function screenOf(stream: NodeJS.WriteStream): Screen {
  const env = processEnvironment();
  const terminal = stream.isTTY;
  const colour = terminal && variable(env, 'NO_COLOR') === undefined && env.TERM !== 'dumb';
  // A terminal that doesn't know its size says 0.
  return { columns: terminal && stream.columns > 0 ? stream.columns : undefined, colour };
}

export function bold(text: string, { colour }: Screen): string {
  return colour ? `\x1b[1m${text}\x1b[22m` : text;
}

/** Cells may hold anything. The last column is the one that is cut where a line doesn't fit. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], screen: Screen): string {
  const cells = [head, ...rows].map((row) => row.map(visible));
  const widths = head.map((_, column) => cells.reduce((most, row) => Math.max(most, width(row[column] ?? '')), 0));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd(),
  );
  const [first = '', ...others] =
    screen.columns === undefined ? lines : lines.map((line) => fit(line, screen.columns ?? 0));
  return [bold(first, screen), ...others].join('\n');
}
