/** The terminal's other screen, without a cursor and without wrapping (xterm's ctlseqs, DEC private modes). */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const ENDING = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;
/** Without the terminal's own handling of keys these come as characters. */
const QUIT = /[qQ\x03\x04]/; // eslint-disable-line no-control-regex
const SUSPEND = '\x1a';

/** A text that is shown in place of the one before, until somebody quits; then the terminal is as it was. */
export class FullScreen {
  /** When q or Ctrl-C is pressed, or the keyboard is gone. */
  readonly quit: Promise<undefined>;
  private text = '';

  private readonly hear: (keys: Buffer | string) => void;
  private readonly gone: () => void;

  constructor() {
    let quit: () => void = () => undefined;
    this.quit = new Promise((resolve) => (quit = () => resolve(undefined)));
    this.gone = quit;
    this.hear = (keys) => {
      if (QUIT.test(String(keys))) quit();
      else if (String(keys).includes(SUSPEND)) this.suspend();
    };
    if (process.stdin.isTTY) process.stdin.on('data', this.hear).on('end', this.gone).on('error', this.gone);
    process.stdout.on('resize', this.redraw);
    for (const signal of ENDING) process.on(signal, this.end);
    process.on('SIGTSTP', this.suspend).on('SIGCONT', this.resume);
    this.take();
  }

  /** As many lines as there is room for. */
  draw(text: string): void {
    this.text = text;
    const lines = text.split('\n');
    const rows = process.stdout.rows > 0 ? process.stdout.rows : lines.length;
    const cut = lines.length > rows;
    const shown = cut ? [...lines.slice(0, rows - 1), `… ${lines.length - rows + 1} more lines`] : lines;
    // Each line over the old one, and then nothing below: no flicker.
    process.stdout.write(`\x1b[H${shown.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`);
  }

  leave(): void {
    process.stdout.off('resize', this.redraw);
    for (const signal of ENDING) process.off(signal, this.end);
    process.off('SIGTSTP', this.suspend).off('SIGCONT', this.resume);
    this.giveBack();
    if (process.stdin.isTTY) process.stdin.off('data', this.hear).off('end', this.gone).pause();
  }

  private take(): void {
    if (process.stdin.isTTY) process.stdin.setRawMode(true);
    process.stdout.write(ENTER);
  }

  private giveBack(): void {
    process.stdout.write(LEAVE);
    if (process.stdin.isTTY) process.stdin.setRawMode(false);
  }

  private readonly redraw = (): void => this.draw(this.text);

  private readonly suspend = (): void => {
    this.giveBack();
    process.kill(process.pid, 'SIGSTOP');
  };

  private readonly resume = (): void => {
    this.take();
    this.redraw();
  };

  /** By the signal, as if we had not heard of it. */
  private readonly end = (signal: NodeJS.Signals): void => {
    this.leave();
    process.kill(process.pid, signal);
  };
}
