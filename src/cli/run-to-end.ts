import { EXIT, RnetnsError } from '../errors/error.js';
import { exitWith, reportError } from './report.js';

/** The outermost part of a program: what `main` returns or throws becomes the exit status and, if need be, words. */
export async function runToEnd(main: () => Promise<number>): Promise<void> {
  // A reader that closes its end (`rnetns list | head -1`) has what it wanted.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : EXIT.failed));
  // An error that nobody waits for has no better place: an event of a program that could not be started, for one.
  const fail = exitWith(process.argv.includes('--json'));
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  try {
    const status = await main();
    // A command whose status is another program's has set it.
    process.exitCode ??= status;
  } catch (error) {
    reportError(error, process.argv.includes('--json'));
    process.exitCode = error instanceof RnetnsError ? error.exitStatus : EXIT.failed;
  }
}
