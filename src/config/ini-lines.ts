/**
 * rnetns.conf as lines: `[section]`, `key = value`, `key[] = value`, comments from `;` or `#`.
 *
 * What a value means (escapes, comments behind it, quotes) is the `ini` package's business, as the file is what that
 * package and npm(1) read. Its `parse` is not used, because it gives no line numbers and hides mistakes: a line without
 * `=` becomes a key that is `true`, `"a;b" ; comment` becomes `"a`, `pasta_options = x` is appended to
 * `pasta_options[]`, `__proto__` vanishes, a key `'null'` throws.
 */

import type * as Ini from 'ini';
import { badSetting, quote } from './bad-setting.js';
import { lazyRequire } from './lazy-require.js';

export type IniLine =
  | { kind: 'section'; line: number; section: string }
  | { kind: 'setting'; line: number; section: string | undefined; key: string; isList: boolean; value: string };

/** @throws RnetnsError - a line is neither blank, comment, section nor setting. */
export function parseIniLines(text: string, source: string): IniLine[] {
  const lines: IniLine[] = [];
  let section: string | undefined;
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)
    .entries()) {
    const line = index + 1;
    const trimmed = raw.trim();
    if (trimmed === '' || trimmed.startsWith(';') || trimmed.startsWith('#')) continue;

    const header = /^\[([^\]]*)\]\s*(?:[;#].*)?$/.exec(trimmed);
    if (header !== null) {
      section = (header[1] ?? '').trim();
      lines.push({ kind: 'section', line, section });
      continue;
    }

    const equals = trimmed.indexOf('=');
    if (equals < 1 || trimmed.startsWith('[')) {
      throw badSetting({ source, line }, `${quote(trimmed)} is not understood`, {
        hint: 'a line is [section], key = value, key[] = value, or a comment starting with ; or #',
      });
    }
    const written = trimmed.slice(0, equals).trim();
    const isList = written.endsWith('[]');
    const key = isList ? written.slice(0, -2).trim() : written;
    const value = readValue(trimmed.slice(equals + 1).trim(), source, line);
    lines.push({ kind: 'setting', line, section, key, isList, value });
  }
  return lines;
}

function readValue(raw: string, source: string, line: number): string {
  const { unsafe } = lazyRequire('ini') as typeof Ini;
  if (!raw.startsWith('"') && !raw.startsWith("'")) return unsafe(raw);

  // `unsafe` sees quotes only at both ends, so the comment behind them has to go first.
  const quoted = /^("(?:[^"\\]|\\.)*"|'[^']*')\s*(?:[;#].*)?$/.exec(raw)?.[1];
  if (quoted === undefined) throw badSetting({ source, line }, `${quote(raw)}: the quotes do not match`);
  // `unsafe` reads what is in single quotes as JSON: '1400' would be a number, '[]' an array.
  if (quoted.startsWith("'")) return quoted.slice(1, -1);
  const value = unsafe(quoted);
  // It gives back what it cannot read as JSON, quotes and all.
  if (value === quoted) {
    throw badSetting({ source, line }, `${quote(raw)}: an escape in double quotes is not one of JSON`, {
      hint: 'write a backslash as \\\\, or put the value in single quotes',
    });
  }
  return value;
}
