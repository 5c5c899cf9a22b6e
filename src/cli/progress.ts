/**
 * A bar on stderr, on a terminal only. Its own, because the libraries for it bring a second way to write to the terminal
 * and all we need is one line that is written over.
 */
export class ProgressBar {
  private readonly label: string;
  private shown = '';

  constructor(label: string) {
    this.label = label;
  }

  update(done: number, total: number): void {
    if (!process.stderr.isTTY) return;
    const width = Math.max(10, Math.min(40, process.stderr.columns - this.label.length - 16));
    const full = Math.round((done / Math.max(1, total)) * width);
    const line = `${this.label} [${'#'.repeat(full)}${' '.repeat(width - full)}] ${done}/${total}`;
    if (line === this.shown) return;
    this.shown = line;
    process.stderr.write(`\r${line}\u001b[K`);
  }

  /** Take it away again. */
  clear(): void {
    if (this.shown !== '') process.stderr.write('\r\u001b[K');
    this.shown = '';
  }
}
