/** Text as man(7) wants it: https://man7.org/linux/man-pages/man7/groff_man.7.html */

const NAMED: Readonly<Record<string, string>> = { '…': '...', '–': '\\[en]', '’': "'" };

/** Text of a line: nothing in it is a request, an escape or a character that some device lacks. */
export function escape(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replace(/[^\n -~]/gu, (character) => {
      const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
      return NAMED[character] ?? `\\[u${code.padStart(4, '0')}]`;
    })
    .replace(/^([.'])/gm, '\\&$1');
}

/** Text to be typed as it stands: typographic devices would make other characters of these. */
export function escapeCode(text: string): string {
  const literal: Record<string, string> = { '-': '\\-', "'": '\\(aq', '`': '\\(ga', '^': '\\(ha', '~': '\\(ti' };
  return escape(text).replace(/\\&'|[-'`^~]/g, (found) => literal[found.slice(-1)] ?? found);
}

export const bold = (text: string): string => `\\fB${escapeCode(text)}\\fR`;
export const italic = (text: string): string => `\\fI${escapeCode(text)}\\fR`;

/** Text in which what is between backticks is to be typed, as in the help. */
export function prose(text: string): string {
  return text
    .split(/`([^`]+)`/)
    .map((part, index) => (index % 2 === 1 ? bold(part) : escape(part)))
    .join('');
}

/** An argument of a macro. */
export function quoted(text: string): string {
  return `"${text.replaceAll('"', '\\(dq')}"`;
}

/** Lines that are printed as they are. */
export function example(lines: readonly string[]): string[] {
  return ['.PP', '.RS 4', '.EX', ...lines.map((line) => (line === '' ? '\\&' : escapeCode(line))), '.EE', '.RE'];
}

/** A term, and what it means. */
export function definition(term: string, body: readonly string[]): string[] {
  return ['.TP', term, ...(body.length === 0 ? ['\\&'] : body)];
}

/** Paragraphs are only told apart by a request between them, and an empty line is one too many. */
export function page(title: readonly string[], lines: readonly string[]): string {
  const all = lines.filter((line) => line !== '');
  const kept = all.filter((line, index) => {
    // A heading, and a list's end, make the room by themselves.
    const before = all[index - 1] ?? '';
    return !(line === '.PP' && (/^\.(S[HS]|PP)\b/.test(before) || index === 0));
  });
  return `${[...title, ...kept].join('\n')}\n`;
}
