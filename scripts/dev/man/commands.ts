import type { Argument, Command, Option } from 'commander';
import type { Tokens } from 'marked';
import { inline, readSection, sentence } from './markdown.js';
import { bold, definition, escape, italic, prose } from './roff.js';

/** A command that does something: not one that only has commands. */
export interface Leaf {
  /** `netns add` */
  name: string;
  command: Command;
}

/** Those that the help shows, with their own commands. */
export function leavesOf(program: Command): Leaf[] {
  const below = (command: Command, prefix: string): Leaf[] =>
    command
      .createHelp()
      .visibleCommands(command)
      .filter((each) => each.name() !== 'help')
      .flatMap((each) => {
        const name = `${prefix}${each.name()}`;
        return each.commands.length === 0 ? [{ name, command: each }] : below(each, `${name} `);
      });
  return below(program, '');
}

/** `-n, --name <name>` as everywhere in these pages: literals bold, what stands for something else in italics. */
function usage(text: string): string {
  return text
    .split(/(<[^>]+>|\[[\w-]+(?:\.\.\.)?\]|\.\.\.)/)
    .map((part) => {
      const word = /^<([^>]+?)(\.\.\.)?>$/.exec(part);
      if (word !== null) return italic((word[1] ?? '').toUpperCase()) + (word[2] ?? '');
      const optional = /^\[([\w-]+)(\.\.\.)?\]$/.exec(part);
      if (optional === null) return part === '...' ? part : literals(part);
      const name = optional[1] ?? '';
      if (name === '--') return `[${bold(name)}]`;
      return `[${italic(name === 'options' ? 'OPTION' : name.toUpperCase())}${name === 'options' ? '...' : (optional[2] ?? '')}]`;
    })
    .join('');
}

/** Words are to be typed; brackets, commas and blanks between them are not. */
function literals(text: string): string {
  return text.replace(/[^\s,[\]|=]+|[\s,[\]|=]+/g, (part) => (/[\s,[\]|=]/.test(part) ? escape(part) : bold(part)));
}

export function synopsis({ command }: Leaf): string {
  return usage(command.createHelp().commandUsage(command));
}

/** What stands with every command, told once for all. */
export function commonOptions(leaves: readonly Leaf[]): Option[] {
  const [first, ...others] = leaves.map(({ command }) => visibleOptions(command));
  return (first ?? []).filter((option) =>
    others.every((options) =>
      options.some(({ flags, description }) => flags === option.flags && description === option.description),
    ),
  );
}

/** Options of the commands above count too: `rnetns -n lab netns add web`. Those of the program itself each command has. */
function visibleOptions(command: Command): Option[] {
  const { parent } = command;
  const own = command.createHelp().visibleOptions(command);
  const above = parent?.parent == null ? [] : visibleOptions(parent);
  return [...own, ...above.filter(({ long }) => own.every((option) => option.long !== long))];
}

export function describeOptions(options: readonly Option[]): string[] {
  return options.flatMap((option) => {
    const { argChoices: choices } = option;
    const defaultValue: unknown = option.defaultValue;
    const more = [
      ...(choices === undefined ? [] : [`One of ${choices.map(bold).join(', ')}.`]),
      ...(typeof defaultValue === 'string' && defaultValue !== '' ? [`Default: ${bold(defaultValue)}.`] : []),
    ];
    return definition(usage(option.flags), [sentence(prose(option.description)), ...more]);
  });
}

/** Its part of a page: how to call it, what it does, its arguments and options. */
export function describeCommand({ name, command }: Leaf, rows: ReferenceRows, common: readonly Option[]): string[] {
  const own = visibleOptions(command).filter(({ flags }) => common.every((option) => option.flags !== flags));
  const row = rows.get(name);
  const first = sentence(prose(command.description()));
  const more = row?.take() ?? '';
  const text = row?.isShared === false ? [more] : more === '' ? [first] : [first, '.PP', more];
  return [
    `.SS ${synopsis({ name, command })}`,
    ...text,
    ...command.registeredArguments.flatMap(describeArgument),
    ...describeOptions(own),
  ];
}

function describeArgument(argument: Argument): string[] {
  const choices = argument.argChoices === undefined ? [] : [`One of ${argument.argChoices.map(bold).join(', ')}.`];
  if (argument.description === '' && choices.length === 0) return [];
  const description = argument.description === '' ? [] : [sentence(prose(argument.description))];
  return definition(italic(argument.name().toUpperCase()), [...choices, ...description]);
}

/** The lines below `Examples:` in the help of a command, or of the one that it belongs to. */
export function examplesOf(command: Command): string[] {
  let text = '';
  const before = { ...command.configureOutput() };
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  command.configureOutput(before);
  const [, after = ''] = text.split('\nExamples:\n');
  return after
    .trimEnd()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^ {2}/, ''));
}

interface ReferenceRow {
  /** It is about other commands too. */
  isShared: boolean;
  /** Its text, for the first of them that asks. */
  take: () => string;
}

export type ReferenceRows = ReadonlyMap<string, ReferenceRow>;

/** What the reference says of each command, by name. */
export function referenceRows(file: string): ReferenceRows {
  const rows = new Map<string, ReferenceRow>();
  for (const token of readSection(file, 'commands')) {
    if (token.type !== 'table') continue;
    const { header, rows: cells } = token as Tokens.Table;
    if (header[0]?.text !== 'command') continue;
    for (const [first, last] of cells) {
      const names = (first?.tokens ?? []).flatMap((part) =>
        part.type === 'codespan' ? [nameIn((part as Tokens.Codespan).text)] : [],
      );
      let text = sentence(inline(last?.tokens ?? []));
      const take = (): string => {
        const taken = text;
        text = '';
        return taken;
      };
      for (const name of names) rows.set(name, { isShared: names.length > 1, take });
    }
  }
  return rows;
}

/** `netns add NAME` and `netns [list]`: the words that are neither options nor stand for something. */
function nameIn(call: string): string {
  return /^[a-z-]+(?: \[?[a-z-]+\]?(?![\w|]))*/.exec(call)?.[0].replaceAll(/[[\]]/g, '').replace(/ -.*$/, '') ?? call;
}
