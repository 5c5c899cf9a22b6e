import { columnsOf, fit } from '../text/columns.js';
import { printable } from '../text/printable.js';
import { bold, type Screen } from './screen.js';

/** Cells may hold anything. The last column is the one that is cut where a line doesn't fit. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], screen: Screen): string {
  const cells = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_, column) => cells.reduce((most, row) => Math.max(most, columnsOf(row[column] ?? '')), 0));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - columnsOf(cell)))
      .join('  ')
      .trimEnd(),
  );
  const [first = '', ...others] =
    screen.columns === undefined ? lines : lines.map((line) => fit(line, screen.columns ?? 0));
  return [bold(first, screen), ...others].join('\n');
}
