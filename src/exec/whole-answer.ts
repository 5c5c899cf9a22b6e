import type { CommandResult } from './command.js';

/**
 * What a program says of itself when it is asked by an option such as --version.
 *
 * pasta 2025_05_03, which Debian 13 has, ends by _exit(2) and so without what its stdio still holds: into a pipe it writes
 * nothing of its --version, and of its --help the first 4096 bytes. An answer that doesn't end with a line is such a one.
 * Then the program is asked once more with each line written at once, by stdbuf(1); where that isn't to be had, the first
 * answer has to do.
 *
 * @param ask - runs a command, the program's or stdbuf's, to its end.
 */
export async function wholeAnswer(
  ask: (command: readonly [string, ...string[]]) => Promise<CommandResult>,
  command: readonly [string, ...string[]],
): Promise<CommandResult> {
  const first = await ask(command);
  if (first.status === undefined || (first.stdout || first.stderr).endsWith('\n')) return first;
  const again = await ask(['stdbuf', '--output=L', ...command]);
  return again.status === first.status && again.stdout.length > first.stdout.length ? again : first;
}
