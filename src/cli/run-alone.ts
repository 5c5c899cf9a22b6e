import type { Command } from 'commander';
import { runCommands } from './parse.js';
import { runToEnd } from './run-to-end.js';

/**
 * A program with this command only, for what is called for each container, or again and again by monitoring: with nothing
 * of the others, it starts 20 ms sooner than main.ts.
 *
 * @param onError - is told first of what it fails with.
 * @param args - the command line.
 */
export function runAlone(
  command: Command,
  onError: (error: unknown) => void = () => undefined,
  args: readonly string[] = process.argv.slice(2),
): void {
  void runToEnd(() =>
    runCommands(args, [command]).catch((error: unknown) => {
      onError(error);
      throw error;
    }),
  );
}
