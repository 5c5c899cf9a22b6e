import { RnetnsError } from '../errors/error.js';

/** Those that ask a process to end. */
export const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Ctrl-C in a terminal, or the end of a service, is for the caller and us alike: it must not leave half of anything.
 *
 * @param what - that is interrupted, for the reason of the signal: "the hook".
 * @returns aborted at the first of those signals; none of them ends this process any more.
 */
export function interruptible(what: string): AbortSignal {
  const abort = new AbortController();
  for (const signal of ENDING_SIGNALS) {
    process.on(signal, () => abort.abort(new RnetnsError('ERR_NETNS', `${what} was interrupted by ${signal}`)));
  }
  return abort.signal;
}
