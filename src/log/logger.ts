import type * as Winston from 'winston';
import type { LogLevel } from '../config/config.js';
import { lazyRequire } from '../config/lazy-require.js';
import { printable } from '../text/printable.js';

const RANK: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

/**
 * Log lines on stderr. winston is loaded with the first line that is really written: a namespace that comes up without
 * trouble never pays for it.
 */
export class Logger {
  private readonly level: LogLevel;
  private readonly onWarning: () => void;
  private winston: Promise<Winston.Logger> | undefined;
  private pending: Promise<unknown> = Promise.resolve();

  /** @param onWarning - called for each warning that is written. */
  constructor(level: LogLevel, onWarning: () => void = () => undefined) {
    this.level = level;
    this.onWarning = onWarning;
  }

  error(message: string): void {
    this.write('error', message);
  }
  warn(message: string): void {
    this.write('warn', message);
  }
  info(message: string): void {
    this.write('info', message);
  }
  debug(message: string): void {
    this.write('debug', message);
  }

  /** Resolves when every line so far is out. */
  async flush(): Promise<void> {
    await this.pending;
  }

  private write(level: LogLevel, message: string): void {
    if (RANK[level] > RANK[this.level]) return;
    if (level === 'warn') this.onWarning();
    const timestamp = new Date().toISOString();
    this.winston ??= Promise.resolve().then(() => load(this.level));
    this.pending = Promise.all([this.pending, this.winston]).then(([, winston]) => {
      winston.log({ level, message, timestamp });
    });
  }
}

function load(level: LogLevel): Winston.Logger {
  const { createLogger, format, transports } = lazyRequire('winston') as typeof Winston;
  return createLogger({
    level,
    levels: RANK,
    format: format.printf(
      (entry) => `${String(entry.timestamp)} rnetns ${entry.level}: ${printable(String(entry.message))}`,
    ),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston's own types
    transports: [new transports.Console({ stderrLevels: Object.keys(RANK) })],
  });
}
