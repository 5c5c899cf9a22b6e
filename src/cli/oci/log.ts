import { appendFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errnoReason } from '../../config/errno.js';
import type { LogLevel } from '../../config/config.js';
import { RnetnsError } from '../../errors/error.js';
import { Logger } from '../../log/logger.js';
import { findRuntime } from '../../state/runtime.js';
import { printableLines } from '../../text/printable.js';

/** Then it begins anew, with one older file beside it. */
const MAX_BYTES = 64 << 10;

/**
 * Not in the state directory: that goes with the namespace, two seconds after the container that couldn't be created.
 *
 * @returns undefined where the caller has no directory for it.
 */
export function defaultLog(): string | undefined {
  try {
    return join(findRuntime().runtimeDir, 'rnetns-oci-hook.log');
  } catch {
    return undefined;
  }
}

/**
 * Append a failure to a log file: runtimes throw away what a hook says on stderr.
 *
 * @param subject - which container, or nothing where that isn't known.
 * @returns why it couldn't be written, if so: that is no reason to hide the failure itself.
 */
export function logFailure(file: string, subject: string, error: unknown): string | undefined {
  const known = error instanceof RnetnsError;
  const message = known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
  const lines = [message, ...(known && error.hint !== undefined ? [`hint: ${error.hint}`] : [])];
  const text = [
    new Date().toISOString(),
    ...(subject === '' ? [] : [subject]),
    lines.map(printableLines).join('\n  '),
  ].join(' ');
  try {
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > MAX_BYTES) renameSync(file, `${file}.1`);
    appendFileSync(file, `${text}\n`, { mode: 0o600 });
    return undefined;
  } catch (cause) {
    return errnoReason(cause);
  }
}

/** Warnings of a hook that goes on go there as well. */
export class HookLogger extends Logger {
  private readonly tell: (message: string) => void;

  constructor(level: LogLevel, tell: (message: string) => void) {
    super(level);
    this.tell = tell;
  }

  override warn(message: string): void {
    super.warn(message);
    this.tell(message);
  }
}
