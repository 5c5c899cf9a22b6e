import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command, Option } from 'commander';
import type { Tokens } from 'marked';
import {
  commonOptions,
  describeCommand,
  describeOptions,
  examplesOf,
  leavesOf,
  referenceRows,
  synopsis,
  type Leaf,
  type ReferenceRows,
} from './commands.js';
import { readDocument, renderBlocks, sentence, type Section } from './markdown.js';
import { bold, definition, escape, escapeCode, example, page, prose, quoted } from './roff.js';

/**
 * Theory of operation: man pages that can't drift
 *
 * A page is a file of docs/man, `NAME.SECTION.md`: its heading says what it is in one line, its text and sections are
 * the page's. Three things are put in, none of which is written twice:
 * 1. its section Commands is a list of commands; each becomes its usage, arguments and options, from commander, and what
 *    docs/reference.md says of it. A name that the program doesn't have (yet) is left out
 * 2. a paragraph that is a link to a section of another document stands for that section
 * 3. options that all commands have, every command's one line, examples, and the other pages
 * A command that is in no list is an error: whoever adds one says where it belongs.
 */
export interface ManPage {
  /** `rnetns-run.1` */
  file: string;
  text: string;
}

interface Source {
  name: string;
  section: string;
  what: string;
  lead: string[];
  sections: Section[];
  commands: Leaf[];
}

export interface ManOptions {
  program: Command;
  root: string;
  version: string;
  date: Date;
}

/** @throws Error when a command is in no page, or a page includes what isn't there. */
export function manPages({ program, root, version, date }: ManOptions): ManPage[] {
  const leaves = leavesOf(program);
  const rows = referenceRows(join(root, 'docs', 'reference.md'));
  const sources = readdirSync(join(root, 'docs', 'man'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => readSource(join(root, 'docs', 'man', file), leaves))
    .sort((a, b) => place(a, leaves) - place(b, leaves));
  const homeless = leaves.filter((leaf) => !sources.some(({ commands }) => commands.includes(leaf)));
  if (homeless.length > 0) {
    const names = homeless.map(({ name }) => name).join(', ');
    throw new Error(`in no man page: ${names}; add it to the list of commands in a file of docs/man`);
  }
  const common = commonOptions(leaves);
  const day = date.toISOString().slice(0, 10);
  return sources.map((source) => {
    const { name, section } = source;
    const title = [
      '.\\" Made by npm run docs:man; changes are lost.',
      ['.TH', name.toUpperCase(), section, day, `rnetns ${version}`, 'rnetns manual']
        .map((word, index) => (index === 0 ? word : quoted(word)))
        .join(' '),
      // Ragged: to fill lines with long paths and addresses, holes are torn into them.
      '.ad l',
      // What groff 1.23 goes back to at each paragraph (groff_man(7)).
      '.ds AD l',
    ];
    const lines = section === '1' ? ofCommands(source, sources, rows, common) : plain(source, sources);
    return { file: `${name}.${section}`, text: page(title, lines) };
  });
}

/** In the order of the help: rnetns(1) first, last what isn't about commands. */
function place({ name, commands: [first] }: Source, leaves: readonly Leaf[]): number {
  if (name === 'rnetns') return -1;
  return first === undefined ? leaves.length : leaves.indexOf(first);
}

function readSource(file: string, leaves: readonly Leaf[]): Source {
  const { title, lead, sections } = readDocument(file);
  const [, name, section] = /^(.*)\.(\d)\.md$/.exec(basename(file)) ?? [];
  const [, titleName, titleSection, what] = /^(\S+)\((\d)\): (.+)$/.exec(title) ?? [];
  if (name === undefined || section === undefined || name !== titleName || section !== titleSection) {
    throw new Error(`${file} must be NAME.SECTION.md with the heading "NAME(SECTION): what it is"`);
  }
  const listed = sections.find((each) => each.title === 'Commands')?.tokens ?? [];
  const words = listed.flatMap((token) =>
    token.type === 'list' ? (token as Tokens.List).items.map(({ text }) => text.replaceAll('`', '')) : [],
  );
  // `netns` stands for all of its commands.
  const commands = leaves.filter((leaf) =>
    words.some((word) => leaf.name === word || leaf.name.startsWith(`${word} `)),
  );
  return {
    name,
    section,
    what: what ?? '',
    lead: renderBlocks(lead),
    sections: sections.filter((each) => each.title !== 'Commands'),
    commands,
  };
}

function ofCommands(
  source: Source,
  sources: readonly Source[],
  rows: ReferenceRows,
  common: readonly Option[],
): string[] {
  const { name, commands } = source;
  const isMain = name === 'rnetns';
  const parents = new Set(commands.map(({ command }) => command.parent).filter((parent) => parent?.parent != null));
  const examples = [
    ...[...parents].flatMap((parent) => (parent == null ? [] : examplesOf(parent))),
    ...commands.flatMap(({ command }) => examplesOf(command)),
  ];
  return [
    ...heading('NAME', [`${escapeCode(name)} \\- ${escape(source.what)}`]),
    ...heading('SYNOPSIS', [...(isMain ? [ANY_COMMAND] : []), ...commands.map(synopsis)].join('\n.br\n').split('\n')),
    ...heading('DESCRIPTION', source.lead),
    ...(isMain ? heading('COMMANDS', summary(sources)) : []),
    ...(commands.length === 0
      ? []
      : heading(
          isMain ? 'COMMANDS OF THIS PAGE' : 'COMMANDS',
          commands.flatMap((leaf) => describeCommand(leaf, rows, common)),
        )),
    ...heading(
      'OPTIONS',
      isMain
        ? describeOptions(common)
        : [
            `All commands have ${common.map(({ long, short }) => bold(long ?? short ?? '')).join(', ')}: see \\fBrnetns\\fR(1).`,
          ],
    ),
    ...source.sections.flatMap(({ title, tokens }) => heading(title.toUpperCase(), renderBlocks(tokens))),
    ...(examples.length === 0 ? [] : heading('EXAMPLES', example(examples))),
    ...seeAlso(source, sources),
  ];
}

function plain(source: Source, sources: readonly Source[]): string[] {
  return [
    ...heading('NAME', [`${escapeCode(source.name)} \\- ${escape(source.what)}`]),
    ...heading('DESCRIPTION', source.lead),
    ...source.sections.flatMap(({ title, tokens }) => heading(title.toUpperCase(), renderBlocks(tokens))),
    ...seeAlso(source, sources),
  ];
}

/** Every command in one line, by the page that has the rest. */
function summary(sources: readonly Source[]): string[] {
  return sources
    .filter(({ commands }) => commands.length > 0)
    .flatMap(({ name, section, what, commands }) => [
      `.SS ${bold(name)}(${section}): ${escape(what)}`,
      ...commands.flatMap((leaf) => definition(bold(leaf.name), [sentence(prose(leaf.command.description()))])),
    ]);
}

function seeAlso(source: Source, sources: readonly Source[]): string[] {
  const others = sources.filter((other) => other !== source).map(({ name, section }) => `${bold(name)}(${section})`);
  return heading('SEE ALSO', [
    [...others, ...FOREIGN.map(([name, section]) => `${bold(name)}(${section})`)].join(',\n'),
  ]);
}

const ANY_COMMAND = `${bold('rnetns')} [\\fIOPTION\\fR...] \\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]`;

const FOREIGN = [
  ['pasta', '1'],
  ['slirp4netns', '1'],
  ['podman', '1'],
  ['network_namespaces', '7'],
  ['user_namespaces', '7'],
] as const;

function heading(title: string, lines: readonly string[]): string[] {
  return [`.SH ${quoted(escape(title))}`, ...lines];
}
