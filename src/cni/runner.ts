/**
 * Running one plugin, wherever the caller wants it to run: in the shared namespace, or right here.
 *
 * A runner owns what it starts: at the time limit, when it is interrupted, and when there is too much output, nothing of it is left running,
 * the programs that the plugin called included.
 */

export interface PluginCall {
  /** Path of the program. It gets no arguments. */
  readonly file: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Text for its stdin. */
  readonly input: string;
  readonly timeoutMs: number;
  /** Ends it as well, unless it soon ends by itself. */
  readonly signal?: AbortSignal | undefined;
}

export type PluginOutcome =
  /** With a status. */
  | 'exited'
  /** By a signal that was not ours. */
  | 'killed'
  | 'timed-out'
  | 'interrupted'
  /** It wrote more than {@link MAX_OUTPUT_BYTES} to stdout. */
  | 'too-much-output'
  /** The reason is in `errno`. */
  | 'not-started';

export interface PluginReply {
  readonly outcome: PluginOutcome;
  readonly status: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  /** The beginning of it: at most {@link MAX_LOG_BYTES}. */
  readonly stderr: string;
  /** `ETXTBSY` and the like, of what was not started. */
  readonly errno: string | undefined;
}

/** Never rejects: the reply says how it ended. */
export type PluginRunner = (call: PluginCall) => Promise<PluginReply>;

/** Results are a few kilobytes; a host with a thousand interfaces would still be far below. */
export const MAX_OUTPUT_BYTES = 4 << 20;
export const MAX_LOG_BYTES = 64 << 10;
