/** Text that others have chosen, made fit for a terminal or a picture; and how much room it takes. */

const NAMED: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * What can't be seen, or changes what is seen after it, as an escape: `\x1b`, `\n`, `\u{202e}`. Letters of all scripts
 * stay. Unassigned characters go too: XML forbids some of them.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    return NAMED[char] ?? (code <= 0xff ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`);
  });
}

/** East Asian characters and emoji take two columns of a fixed-width font; see wcwidth(3). */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

function columnsOfChar(char: string): number {
  if (/\p{M}/u.test(char)) return 0;
  return WIDE.test(char) ? 2 : 1;
}

export function columnsOf(text: string): number {
  return Array.from(text).reduce((sum, char) => sum + columnsOfChar(char), 0);
}

/** Its beginning and its end, which tell names apart better than the beginning alone; at most so many columns. */
export function shorten(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text;
  const chars = Array.from(text);
  const tail = takeColumns(chars.toReversed(), Math.floor((columns - 1) / 3))
    .reverse()
    .join('');
  return `${takeColumns(chars, columns - 1 - columnsOf(tail)).join('')}…${tail}`;
}

function takeColumns(chars: readonly string[], columns: number): string[] {
  let left = columns;
  const end = chars.findIndex((char) => (left -= columnsOfChar(char)) < 0);
  return chars.slice(0, end < 0 ? chars.length : end);
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

/** `1 process`, `2 processes`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
