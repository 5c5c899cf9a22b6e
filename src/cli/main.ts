import { openSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { EXIT } from '../errors/error.js';
import { checkSettings } from './commands/check-settings.js';
import { ensureCommand } from './commands/ensure.js';
import type * as Program from './program.js';
import { runToEnd } from './run-to-end.js';

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
    case 'ask-dns': {
      const { askDnsCommand } = await import('./commands/ask-dns.js');
      return askDnsCommand(rest);
    }
    case 'starts':
      // The launcher tries whether Node comes as far as this (scripts/start-node.sh), with what a few programs take, and
      // with the threads of its pool, without which libuv aborts.
      for (let pipes = 0; pipes < 20; pipes += 1) openSync('/dev/null', 'r');
      await stat('/');
      return EXIT.ok;
    case 'sysctl-inside': {
      const { runInside } = await import('../inspect/sysctl/inside.js');
      await runInside(rest[0] ?? '', process.stdin, (line) => process.stdout.write(`${line}\n`));
      return EXIT.ok;
    }
    default: {
      const { load } = createRequire(import.meta.url)('./load.cjs') as { load: (name: string) => unknown };
      const { failUsage, runProgram } = load('program') as typeof Program;
      await (command === 'usage' ? failUsage(rest) : runProgram(args));
      return EXIT.ok;
    }
  }
}

void runToEnd(async () => {
  const status = await main(process.argv.slice(2));
  // The launcher waits for us, and we for nothing: what we started has its own life.
  if (process.argv[2] === 'ensure' || process.argv[2] === 'repair') process.exit(process.exitCode ?? status);
  return status;
});
