/**
 * Expected failures: what failed, on what, why, and what to do about it.
 *
 * Callers test `code`, never the text. Whatever is not an RnetnsError is a bug and keeps its stack.
 */

/** Exit statuses of the command line; those of podman run(1) where both have one. */
export const EXIT = {
  /** Done. */
  ok: 0,
  /** What was looked at is bad. */
  bad: 1,
  /** Wrong usage. */
  usage: 2,
  /** rnetns itself failed. */
  failed: 125,
  /** The command can't be run. */
  notExecutable: 126,
  /** The command was not found. */
  notFound: 127,
} as const;

/** Every code an RnetnsError can carry, with what it means. The reference documentation is this list. */
export const ERROR_CODES = {
  ERR_USAGE: 'the command line is wrong',
  ERR_CONFIG: 'a settings file or a setting in it is wrong or cannot be read',
  ERR_RUNTIME_DIR: 'the runtime directory is missing, foreign or not usable',
  ERR_STATE_DIR: 'the state directory is foreign, open to others, or cannot be written',
  ERR_LOCK_TIMEOUT: 'another process held the lock for the whole wait',
  ERR_LOCK_HELD: 'the program that called rnetns holds the lock itself',
  ERR_PROGRAM_MISSING: 'a program that rnetns needs is not installed',
  ERR_USERNS: 'the kernel or the host does not let this user make a user namespace',
  ERR_NETNS: 'the network namespace could not be made or entered',
  ERR_MOUNT: 'a mount of the namespace failed',
  ERR_TUN: '/dev/net/tun is missing or may not be opened',
  ERR_DRIVER: 'pasta or slirp4netns ended, or did not become ready in time',
  ERR_IN_USE: 'the namespace is in use, so it was not torn down',
  ERR_DOWN: 'there is no namespace, and the command does not make one',
  ERR_REFERENCES: 'a reference could not be counted, or the count was not what it should be',
  ERR_PROCESS: 'the process that a reference is to be tied to does not exist',
  ERR_COMMAND: 'the command to run was not found, or cannot be run; exit status 127 or 126',
  ERR_PORT: 'a port cannot be published; the message says why',
  ERR_CNI: 'a CNI network, or a plugin of it, failed; the message has its reason',
  ERR_BUNDLE: 'the bundle for a bug report could not be written',
  ERR_DESCRIPTORS: 'too few file descriptors below 10 are free',
  ERR_LIMIT: 'a limit on processes, memory, open files or the like keeps rnetns from what it needs',
  ERR_SYSTEM: 'the system refused something that rnetns does not do without; the message says what',
} as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What an error says beside its code and message. */
export interface ErrorDetail {
  /** What to do: the exact sysctl, file, package or flag. */
  hint?: string | undefined;
  /** What led to it: another error, or what became of a program that failed. */
  cause?: unknown;
}

/** An expected failure. Anything else that is thrown is the caller's own, or a bug. */
export class RnetnsError extends Error {
  /** `RnetnsError`. */
  override readonly name = 'RnetnsError';
  /** What kind of failure; stays the same from version to version, unlike the text. */
  readonly code: ErrorCode;
  /** What to do: the exact sysctl, file, package or flag; undefined where none is known. */
  readonly hint: string | undefined;

  /**
   * @param code - one of {@link ERROR_CODES}.
   * @param message - one line: the act, the path or pid it was done on, and the reason.
   * @param detail - hint and cause.
   */
  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.hint = detail.hint;
  }

  /** The status a command line ends with after this error. */
  get exitStatus(): number {
    return this.code === 'ERR_USAGE' ? EXIT.usage : EXIT.failed;
  }
}
