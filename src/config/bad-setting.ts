import { type ErrorCode, RnetnsError } from '../errors/error.js';

/** Where a setting was written: a file and its line, a variable, or a flag. */
export interface Origin {
  /** A file's path, `RNETNS_LOG_LEVEL` or `--log-level`; what `rnetns config` prints as the source. */
  source: string;
  line?: number | undefined;
  /** A wrong flag is wrong usage (`ERR_USAGE`); all else is a wrong setting. */
  code?: ErrorCode;
}

export function badSetting(origin: Origin, why: string, detail: { hint?: string; cause?: unknown } = {}): RnetnsError {
  const where = origin.line === undefined ? origin.source : `${origin.source}, line ${origin.line}`;
  return new RnetnsError(origin.code ?? 'ERR_CONFIG', `reading settings failed on ${where}: ${why}`, detail);
}

/** What came, quoted, on one line, and short: a wrong file may be a binary one. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) return String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
