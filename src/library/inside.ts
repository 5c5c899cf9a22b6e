import type { Options, ResultPromise } from 'execa';
import { RnetnsError } from '../errors/error.js';
import { WAIT_FOR_VERDICT, type LauncherCall } from './launcher-call.js';
import type { Launcher } from './launcher.js';

/** The namespace as the function given to `setup` or `teardown` has it, for as long as that function runs. */
export interface Inside {
  /**
   * Start a program in the namespace: {@link RootlessNetns.run}, as long as the namespace is the same.
   *
   * @param file - program to run; looked for in `PATH`, with `/usr/sbin` appended.
   * @param args - its arguments.
   * @param options - those of execa.
   * @returns execa's subprocess. Awaited, it rejects when the program fails, and so does a function that lets it.
   * @throws {@link RnetnsError} `ERR_NETNS`: the namespace was taken away meanwhile; `ERR_USAGE`: the function is over.
   */
  readonly exec: <O extends Options = object>(file: string, args?: readonly string[], options?: O) => ResultPromise<O>;

  /**
   * Aborted when the namespace is taken away while the function runs, as `stop --force` does. Its reason is an
   * {@link RnetnsError}, `ERR_NETNS`, and `setup` or `teardown` will fail with that one.
   */
  readonly signal: AbortSignal;
}

/** What `setup` and `teardown` run inside; its value becomes theirs. */
export type InsideFunction<T> = (inside: Inside) => T | PromiseLike<T>;

/**
 * Run `fn` between the two halves of a verb: the namespace is held, and nothing is counted or dropped until it is done.
 *
 * @throws what `fn` throws; RnetnsError for what rnetns itself couldn't do.
 */
export async function runInside<T>(
  launcher: Launcher,
  verb: 'setup' | 'teardown',
  args: readonly string[],
  fn: InsideFunction<T>,
): Promise<T> {
  const call = launcher.call(verb, [...args, '--', ...WAIT_FOR_VERDICT]);
  return call.during(() => fn(handle(launcher, call)));
}

function handle(launcher: Launcher, call: LauncherCall): Inside {
  return {
    signal: call.signal,
    exec(file, args = [], options) {
      call.signal.throwIfAborted();
      if (!call.isWaiting) {
        throw new RnetnsError('ERR_USAGE', `cannot run ${file} inside: the function that was given this is over`, {
          hint: 'await it in the function, or use run()',
        });
      }
      return launcher.run(file, args, options ?? ({} as never));
    },
  };
}
