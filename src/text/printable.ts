/** Text that others have chosen (names and arguments of processes may hold anything), made fit for a terminal or a picture. */

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * What can't be seen, or changes what is seen beside it, as an escape: `\x1b`, `\n`, `\u{202e}`. Letters of all scripts
 * stay. Unassigned characters go too: XML forbids some of them.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    return NAMED[character] ?? (code <= 0xff ? `\\x${hex.padStart(2, '0')}` : `\\u{${hex}}`);
  });
}

/** The same for what may have lines and columns of its own, as the words of programs: each gap becomes a blank. */
export function onOneLine(text: string): string {
  return printable(text.replace(/\s+/gu, ' '));
}

/** The same for what has lines that are its own. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
