import { CniError } from '../cni/error.js';
import { errnoCode, errnoReason } from '../config/errno.js';
import { EXIT, RnetnsError } from '../errors/error.js';
import { printableLines } from '../text/printable.js';

/**
 * Error lines of CLI.md's form, on stderr; anything but an RnetnsError is a bug and shows its stack. Both may quote what
 * others have chosen, plugins and the names of files.
 */
export function reportError(thrown: unknown, json: boolean): void {
  const error = asRefusal(thrown) ?? thrown;
  const known = error instanceof RnetnsError;
  const message = messageOf(error);
  const hint = known ? error.hint : 'this is a bug in rnetns; please report it with the lines above';
  if (json) {
    const code = known ? error.code : 'ERR_INTERNAL';
    // A runtime of containers decides by the number of the CNI specification.
    const cni = error instanceof CniError ? { cni: error.toJSON() } : {};
    process.stderr.write(`${toJson({ error: { code, message, hint: hint ?? null, ...cni } })}\n`);
    return;
  }
  process.stderr.write(`rnetns: ${printableLines(message)}\n`);
  if (hint !== undefined) process.stderr.write(`hint: ${printableLines(hint)}\n`);
}

function messageOf(error: unknown): string {
  if (error instanceof RnetnsError) return error.message;
  return `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

/** As netavark fails: a runtime reads its stdout, and shows nothing else. */
export function reportNetavarkError(error: unknown): void {
  const hint = error instanceof RnetnsError && error.hint !== undefined ? [`hint: ${error.hint}`] : [];
  printNetavarkError([messageOf(error), ...hint].join('; '));
}

export function printNetavarkError(message: string): void {
  process.stdout.write(`${toJson({ error: message })}\n`);
}

/** The end of this process with an error, from where none can be thrown: a signal, an event. */
export function exitWith(json: boolean): (error: unknown) => never {
  return (error) => {
    reportError(error, json);
    process.exit(error instanceof RnetnsError ? error.exitStatus : EXIT.failed);
  };
}

/** What a limit of the caller, or a full system, is called by. */
const LIMIT_HINTS: Readonly<Record<string, string>> = {
  EMFILE: 'raise the limit on open files: ulimit -n in a shell, LimitNOFILE= in a systemd unit',
  ENFILE: 'the whole system has too many files open: fs.file-max of sysctl',
  EAGAIN: 'end some processes, or raise the limit on them: ulimit -u in a shell, TasksMax= in a systemd unit',
  ENOMEM: 'free some memory, or raise the limit on it: ulimit -v in a shell, MemoryMax= in a systemd unit',
};

/** A system call that was refused, where nobody expected it: the host's doing, not a bug. undefined for anything else. */
function asRefusal(error: unknown): RnetnsError | undefined {
  const code = errnoCode(error);
  if (error instanceof RnetnsError || code === undefined || !(error instanceof Error) || !('syscall' in error)) return;
  const { syscall, path } = error as NodeJS.ErrnoException;
  const on = path === undefined ? '' : ` on ${path}`;
  const hint = LIMIT_HINTS[code];
  return new RnetnsError(
    hint === undefined ? 'ERR_SYSTEM' : 'ERR_LIMIT',
    `${syscall}${on} failed: ${errnoReason(error)}`,
    {
      hint: hint ?? 'rnetns doctor looks at all that a namespace needs',
      cause: error,
    },
  );
}

/** Data on stdout: JSON, or the text for people, which is no line at all when there is nothing to say (`| wc -l`). */
export function print(json: boolean | undefined, data: unknown, text: () => string): void {
  const words = json === true ? toJson(data, 2) : text();
  if (words !== '') process.stdout.write(`${words}\n`);
}

/** JSON may hold DEL and the control characters from 128 on as they are, but some terminals obey them. */
export function toJson(data: unknown, indent?: number): string {
  return JSON.stringify(data, null, indent).replace(
    /[\x7f-\x9f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
