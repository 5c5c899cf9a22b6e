import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { marked, type Token, type Tokens } from 'marked';
import { bold, definition, escape, example, italic } from './roff.js';

/**
 * The Markdown of this project's documentation as roff. It is read by `marked`, a parser without dependencies. Written it
 * is by hand: what there is for that (remark-man, marked-man) makes pages with a heading of its own, and can't put in
 * what comes from the command line's definitions.
 */
export interface Section {
  title: string;
  tokens: Token[];
}

/** A file's title, the text before its first section, and its sections. */
export function readDocument(file: string): { title: string; lead: Token[]; sections: Section[] } {
  const [title, ...rest] = withoutSpaces(marked.lexer(readFileSync(file, 'utf8')));
  if (title?.type !== 'heading') throw new Error(`${file} doesn't begin with a heading`);
  const lead: Token[] = [];
  const sections: Section[] = [];
  for (const token of rest) {
    if (isHeading(token) && token.depth === 2) sections.push({ title: token.text, tokens: [] });
    else (sections.at(-1)?.tokens ?? lead).push(...included(token, file));
  }
  return { title: (title as Tokens.Heading).text, lead, sections };
}

/** A section of a document, by the anchor that GitHub gives it: a second one of the same name is `name-1`. */
export function readSection(file: string, anchor: string): Token[] {
  const tokens = withoutSpaces(marked.lexer(readFileSync(file, 'utf8')));
  const anchors = tokens.map((token) => (isHeading(token) ? anchorOf(token.text) : ''));
  const start = anchors.findIndex((name, index) => {
    const before = anchors.slice(0, index).filter((other) => other === name).length;
    return name !== '' && (before === 0 ? name : `${name}-${before}`) === anchor;
  });
  const heading = tokens[start];
  if (heading === undefined || !isHeading(heading)) throw new Error(`${file} has no section #${anchor}`);
  const after = tokens.slice(start + 1);
  const end = after.findIndex((token) => isHeading(token) && token.depth <= heading.depth);
  return end < 0 ? after : after.slice(0, end);
}

/** A paragraph that is a link to a section, and nothing else, stands for that section. */
function included(token: Token, file: string): Token[] {
  if (token.type !== 'paragraph') return [token];
  const [link, ...more] = (token as Tokens.Paragraph).tokens;
  const [, path, anchor] = link?.type === 'link' ? (/^([^:#]*)#(.+)$/.exec((link as Tokens.Link).href) ?? []) : [];
  if (more.length > 0 || path === undefined || anchor === undefined) return [token];
  return readSection(join(dirname(file), path), anchor);
}

export function renderBlocks(tokens: readonly Token[]): string[] {
  return tokens.flatMap(renderBlock);
}

function renderBlock(token: Token): string[] {
  switch (token.type) {
    case 'heading':
      return [`.SS ${inline((token as Tokens.Heading).tokens)}`];
    case 'paragraph':
      return ['.PP', inline((token as Tokens.Paragraph).tokens)];
    case 'code':
      return example((token as Tokens.Code).text.split('\n'));
    case 'list':
      return renderList(token as Tokens.List);
    case 'table':
      return renderTable(token as Tokens.Table);
    default:
      throw new Error(`no man page has room for a Markdown ${token.type}: ${token.raw}`);
  }
}

function renderList({ items, ordered, start }: Tokens.List): string[] {
  const first = start === '' ? 1 : start;
  return items.flatMap(({ tokens }, index) => {
    const [head, ...rest] = withoutSpaces(tokens);
    const isText = head?.type === 'text' || head?.type === 'paragraph';
    return [
      ordered ? `.IP ${first + index}. 4` : '.IP \\(bu 2',
      ...(isText ? [inline((head as Tokens.Text).tokens ?? [])] : head === undefined ? [] : renderBlock(head)),
      // What follows belongs to the item: indented as its text is.
      ...(rest.length === 0 ? [] : [`.RS ${ordered ? 4 : 2}`, ...renderBlocks(rest), '.RE']),
    ];
  });
}

/** A row is a term and its meaning, which is in the last column; those between are named by their heading. */
function renderTable({ header, rows }: Tokens.Table): string[] {
  return rows.flatMap(([first, ...cells]) => {
    const last = cells.pop();
    const between = cells.map((cell, index) => sentence(`${header[index + 1]?.text ?? ''}: ${inline(cell.tokens)}`));
    return definition(inline(first?.tokens ?? []), [sentence(inline(last?.tokens ?? [])), ...between]);
  });
}

/** With a full stop at its end, and a capital at its beginning; the name of a program or a file is left as it is. */
export function sentence(text: string): string {
  const [word = ''] = /^[a-z]+(?=[\s,;:']|$)/.exec(text) ?? [];
  const isName = ['rnetns', 'pasta', 'slirp4netns', 'netavark', 'podman'].includes(word);
  const begun = word === '' || isName ? text : `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.:?!]$/.test(begun) ? begun : `${begun}.`;
}

export function inline(tokens: readonly Token[]): string {
  return tokens.map(renderInline).join('');
}

function renderInline(token: Token): string {
  switch (token.type) {
    case 'text':
    case 'escape':
      // A line of the source is one of the page, and must not begin with the blanks that it may have there.
      return escape((token as Tokens.Text).text.replaceAll(/\s*\n\s*/g, '\n'));
    case 'codespan':
      return bold((token as Tokens.Codespan).text);
    case 'strong':
      return `\\fB${inline((token as Tokens.Strong).tokens)}\\fR`;
    case 'em':
      return italic((token as Tokens.Em).text);
    case 'link': {
      const { href, tokens } = token as Tokens.Link;
      const text = inline(tokens);
      // An address may be broken where it has a slash.
      const address = escape(href).replaceAll('/', '/\\:');
      return /^https?:/.test(href) && text !== escape(href) ? `${text} (${address})` : text;
    }
    default:
      throw new Error(`no man page has room for Markdown's ${token.type}: ${token.raw}`);
  }
}

export const withoutSpaces = (tokens: readonly Token[]): Token[] => tokens.filter(({ type }) => type !== 'space');

function isHeading(token: Token): token is Tokens.Heading {
  return token.type === 'heading';
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}
