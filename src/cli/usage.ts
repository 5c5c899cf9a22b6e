import type { CommanderError } from 'commander';
import { RnetnsError } from '../errors/error.js';
import { suggestChoice, suggestCommand, suggestOption, suggestPlace, type Called } from './suggest.js';

export function unknownCommand(word: string, { command, path }: Called): RnetnsError {
  const known = command
    .createHelp()
    .visibleCommands(command)
    .map((each) => each.name());
  const of = path.length === 0 ? '' : ` of ${path.join(' ')}`;
  // A word for the version is none for a command.
  const meant = path.length === 0 && word === 'version' ? '--version' : suggestCommand(word, known);
  return usageError(`unknown command '${word}'${of}`, path, meant);
}

/** What commander found, in the words of this program. */
export function wrongUsage({ code, message }: CommanderError, called: Called): RnetnsError {
  const { command, path } = called;
  const text = message.replace(/^error: /, '');
  switch (code) {
    case 'commander.help':
      return usageError('a command is missing', path);
    case 'commander.unknownCommand':
      return unknownCommand(command.args[0] ?? '', called);
    case 'commander.unknownOption':
      return usageError(text, path, suggestOption(/'(.*)'/s.exec(text)?.[1] ?? '', command));
    case 'commander.excessArguments': {
      const allowed = command.registeredArguments.length;
      return tooMany(command.args[allowed] ?? '', called, allowed);
    }
    case 'commander.invalidArgument': {
      const [, kind, word = '', choices = ''] =
        /(value|argument) '(.*)' is invalid.*Allowed choices are (.*)\.$/s.exec(text) ?? [];
      const meant =
        suggestChoice(word, choices.split(', ')) ?? (kind === 'value' ? suggestPlace(word, called) : undefined);
      return usageError(text, path, meant);
    }
    default:
      return usageError(text, path);
  }
}

const RULES: Readonly<Record<string, string>> = {
  'bad name': 'names are up to 64 letters, digits, and _ . - after the first',
  'bad id': 'ids are up to 128 letters, digits, and _ . - after the first',
};
const TOO_MANY = /^takes no (?:more )?(?:argument|command)s?, but got (.*)$/s;

/** What the launcher found, which knows what is wrong, but not what was meant. */
export function launcherUsage(message: string, called: Called): RnetnsError {
  const { command, path } = called;
  const rule = RULES[/^bad (?:name|id)/.exec(message)?.[0] ?? ''];
  const flag = /^unknown option (.*)$/s.exec(message)?.[1];
  const word = TOO_MANY.exec(message)?.[1];
  const meant =
    flag !== undefined
      ? suggestOption(flag, command)
      : word !== undefined && command.registeredArguments.length === 0
        ? suggestPlace(word, called)
        : undefined;
  const text = `${path.join(' ')}: ${message}`;
  return rule === undefined ? usageError(text, path, meant) : new RnetnsError('ERR_USAGE', text, { hint: rule });
}

function tooMany(word: string, called: Called, allowed: number): RnetnsError {
  const what = allowed === 0 ? 'takes no argument' : 'takes no more arguments';
  // Between others it may be anything.
  const meant = allowed === 0 ? suggestPlace(word, called) : undefined;
  const { path } = called;
  return usageError(`${path.join(' ')}: ${what}, but got ${word}`, path, meant);
}

function usageError(message: string, path: readonly string[], meant?: string): RnetnsError {
  const help = ['rnetns', ...path, '--help'].join(' ');
  return new RnetnsError('ERR_USAGE', message, {
    hint: meant === undefined ? help : `did you mean ${meant}? ${help}`,
  });
}
