import type { Command, Option } from 'commander';
import { nearest } from '../config/nearest.js';
import { NAME } from '../state/runtime.js';

/** A command, and the words that lead to it: `netns`, `add`. */
export interface Called {
  command: Command;
  path: readonly string[];
}

/*
 * What was probably meant by a word that a command line has no place for.
 */

/** Words of other programs (ip, podman, systemctl, ls) for what is called otherwise here; the first one that there is. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  attach: ['shell'],
  check: ['doctor'],
  create: ['add', 'setup'],
  del: ['delete', 'stop'],
  delete: ['del', 'stop'],
  destroy: ['delete', 'del', 'stop'],
  down: ['stop', 'teardown'],
  enter: ['shell'],
  exec: ['run'],
  info: ['status'],
  kill: ['stop'],
  ls: ['list'],
  new: ['add'],
  processes: ['ps', 'pids'],
  remove: ['delete', 'del', 'stop'],
  rm: ['delete', 'del', 'stop'],
  settings: ['config'],
  show: ['status', 'list'],
  start: ['run'],
  top: ['ps'],
  up: ['run', 'add'],
};

const OPTIONS_ELSEWHERE: Readonly<Record<string, string>> = {
  debug: '--log-level debug',
  quiet: '--log-level error',
  verbose: '--log-level debug',
};

/** A command of `known`; undefined: nothing comes to mind. */
export function suggestCommand(word: string, known: readonly string[]): string | undefined {
  const plain = word.toLowerCase();
  return ELSEWHERE[plain]?.find((each) => known.includes(each)) ?? closest(plain, known);
}

/** An option of this command, or of those above it, as it is to be typed. */
export function suggestOption(flag: string, command: Command): string | undefined {
  const word = flag.replace(/^-+/, '').replace(/=.*/s, '').toLowerCase();
  // One letter is like any other.
  if (word.length < 2) return undefined;
  const known = optionsOf(command).map(({ long }) => (long ?? '').slice(2));
  const found = closest(word, [...known, 'help']);
  return found === undefined ? OPTIONS_ELSEWHERE[word] : `--${found}`;
}

/**
 * Where a word belongs that is one too many: `stop lab`, `stop force`, `graph svg`. */
export function suggestPlace(word: string, { command, path }: Called): string | undefined {
  const options = optionsOf(command);
  if (options.some(({ long }) => long === `--${word}`)) return `--${word}`;
  const choosing = options.find(({ argChoices }) => argChoices?.includes(word));
  if (choosing !== undefined) return `${choosing.long ?? ''} ${word}`;
  if (!NAME.test(word)) return undefined;
  switch (path.join(' ')) {
    case 'list':
      return `status -n ${word}`;
    case 'shell':
      return `run -- ${word}, or -n ${word}`;
    // These are about no namespace in particular.
    case 'config':
    case 'completion':
    case 'sysctl verify':
      return undefined;
    default:
      return `-n ${word}`;
  }
}

/** One of the values that an option or an operand can have. */
export function suggestChoice(word: string, choices: readonly string[]): string | undefined {
  return closest(word.toLowerCase(), choices);
}

/** An abbreviation, or a slip of the fingers. */
function closest(word: string, known: readonly string[]): string | undefined {
  const begun = word.length < 3 ? [] : known.filter((each) => each.startsWith(word) || word.startsWith(`${each}-`));
  if (begun.length === 1) return begun[0];
  // nearest() takes `-` and `_` for the same.
  const plain = known.map((each) => each.replaceAll('-', '_'));
  const found = nearest(word, plain);
  return found === undefined ? undefined : known[plain.indexOf(found)];
}

function optionsOf(command: Command): Option[] {
  return [...command.options.filter(({ hidden }) => !hidden), ...optionsAbove(command)];
}

/** Those of the command that it belongs to count for it as well: `rnetns netns add web -n lab`. Each once. */
export function optionsAbove({ parent, options }: Command): Option[] {
  // What the program itself has, each of its commands has of its own.
  if (parent?.parent == null) return [];
  return optionsOf(parent).filter(({ long }) => options.every((own) => own.long !== long));
}
