import { CniError } from '../cni/error.js';
import { RnetnsError } from '../errors/error.js';
import { printableLines } from '../text/printable.js';

/**
 * Error lines of CLI.md's form, on stderr; anything but an RnetnsError is a bug and shows its stack. Both may quote what
 * others have chosen, plugins and the names of files.
 */
export function reportError(error: unknown, json: boolean): void {
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
