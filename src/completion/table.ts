import type { CommandSpec } from './spec.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The function of that shell which tells its script (scripts/completion) what can stand after a command. */
export function renderTable(specs: readonly CommandSpec[], shell: Shell): string {
  return RENDER[shell](specs);
}

const RENDER: Record<Shell, (specs: readonly CommandSpec[]) => string> = {
  bash: (specs) => arrays(specs, '_rnetns_table', (word) => word),
  zsh: (specs) => arrays(specs, '_rnetns_table', (word, description) => `${word}:${description}`),
  fish: (specs) =>
    [
      'function __rnetns_table --no-scope-shadowing',
      '    switch $argv[1]',
      ...specs.flatMap((spec) => [
        `        case ${quoteForFish(spec.path)}`,
        ...listsOf(spec, (word, description) => `${word}\t${description}`).map(([name, words]) =>
          ['            set', name, ...words.map(quoteForFish)].join(' '),
        ),
      ]),
      '    end',
      'end',
    ].join('\n'),
};

/** bash and zsh write them alike. */
function arrays(
  specs: readonly CommandSpec[],
  name: string,
  entry: (word: string, description: string) => string,
): string {
  return [
    `${name}() {`,
    '  case $1 in',
    ...specs.flatMap((spec) => [
      `    ${quote(spec.path)})`,
      ...listsOf(spec, entry).map(([list, words]) => `      ${list}=(${words.map(quote).join(' ')})`),
      '      ;;',
    ]),
    '  esac',
    '}',
  ].join('\n');
}

/** One entry for each spelling of an option, and its value at the same place. */
function listsOf(
  { commands, options, operands }: CommandSpec,
  entry: (word: string, description: string) => string,
): [string, string[]][] {
  const spelled = options.flatMap(({ spellings, value = '', description }) =>
    spellings.map((spelling) => ({ entry: entry(spelling, description), value })),
  );
  return [
    ['rn_commands', commands.map(({ name, description }) => entry(name, description))],
    ['rn_options', spelled.map((option) => option.entry)],
    ['rn_values', spelled.map((option) => option.value)],
    ['rn_operands', [...operands]],
  ];
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const quoteForFish = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
