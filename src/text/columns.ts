/** How much room printable text takes in a font of fixed width, and how it is made to fit. */

import stringWidth from 'string-width';

/** Columns: two for East Asian characters and emoji, none for marks. */
export const columnsOf = stringWidth;

const characters = (text: string): string[] => Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);

/** As much of its beginning as fits, with an ellipsis in place of the rest. */
export function fit(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  return columns > 0 ? `${take(characters(text), columns - 1).join('')}…` : '';
}

/** Its beginning and its end, which tell names apart better than the beginning alone; at most so many columns. */
export function shorten(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  const all = characters(text);
  const tail = take(all.toReversed(), Math.floor((columns - 1) / 3))
    .reverse()
    .join('');
  return `${take(all, columns - 1 - columnsOf(tail)).join('')}…${tail}`;
}

function take(all: readonly string[], columns: number): string[] {
  let left = columns;
  const end = all.findIndex((character) => (left -= columnsOf(character)) < 0);
  return all.slice(0, end < 0 ? all.length : end);
}

/** Values on lines of at most so many columns; a longer one is broken at its blanks, a word that is longer shortened. */
export function wrap(values: readonly string[], columns: number, gap = '  '): string[] {
  const lines: string[] = [];
  for (const value of values) {
    const last = lines.at(-1);
    if (columnsOf(value) > columns) {
      lines.push(...(value.includes(' ') ? wrap(value.split(' '), columns, ' ') : [shorten(value, columns)]));
    } else if (last !== undefined && columnsOf(last) + gap.length + columnsOf(value) <= columns) {
      lines[lines.length - 1] = `${last}${gap}${value}`;
    } else lines.push(value);
  }
  return lines;
}
