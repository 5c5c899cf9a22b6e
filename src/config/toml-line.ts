/**
 * The line on which a TOML document sets `key` of `[section]`, or, without `key`, on which it names the section.
 *
 * The parser keeps no positions, so this looks for the three ways to write it: under the header, `section.key = …`, and
 * in an inline table. For messages only: a multi-line string that looks like TOML can mislead it.
 */
export function tomlLine(text: string, section: string, key?: string): number | undefined {
  let current = '';
  let sectionLine: number | undefined;
  for (const [index, line] of text.split(/\r\n|\n/).entries()) {
    const header = /^\s*\[\[?([^\]]*)\]/.exec(line)?.[1];
    if (header !== undefined) current = bare(header);
    const name = header === undefined ? bare(/^([^=#]*)=/.exec(line)?.[1] ?? '') : '';
    const path = current === '' ? name : `${current}.${name}`;
    if (key !== undefined && name !== '' && path === `${section}.${key}`) return index + 1;
    if (current === section || path === section || path.startsWith(`${section}.`)) sectionLine ??= index + 1;
  }
  return sectionLine;
}

/** `"network" . 'x'` is `network.x`. */
function bare(name: string): string {
  return name.replace(/["'\s]/g, '');
}
