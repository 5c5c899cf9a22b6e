#!/usr/bin/env node
import { EXIT, RnetnsError } from '../errors/error.js';
import { checkSettings } from './commands/check-settings.js';
import { ensureCommand } from './commands/ensure.js';
import { failUsage, reportError } from './report.js';

/**
 * Node's side of the command line. What scripts/rnetns asks for on its cold path comes first, by hand: the parser of
 * the other commands takes longer to load than these take to run.
 */
async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'ensure':
      return ensureCommand(rest);
    case 'check-settings':
      return checkSettings(rest);
    case 'usage':
      return failUsage(rest, process.argv.includes('--json'));
    default: {
      const { runProgram } = await import('./program.js');
      return runProgram(args);
    }
  }
}

// A reader that closes its end (`rnetns list | head -1`) has what it wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : EXIT.failed));

try {
  const status = await main(process.argv.slice(2));
  // A command whose status is another program's has set it.
  process.exitCode ??= status;
  // The launcher waits for us, and we for nothing: what we started has its own life.
  if (process.argv[2] === 'ensure' || process.argv[2] === 'repair') process.exit();
} catch (error) {
  reportError(error, process.argv.includes('--json'));
  process.exitCode = error instanceof RnetnsError ? error.exitStatus : EXIT.failed;
}
