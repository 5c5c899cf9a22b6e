/** Everything that was done, in order, for the report of a failure. */

export class Trace {
  private readonly lines: { atMs: number; text: string }[] = [];
  private readonly begin = performance.now();

  add(text: string, atMs = performance.now()): void {
    this.lines.push({ atMs, text });
  }

  /** In the order of time, whoever came to report first. */
  toString(): string {
    return [...this.lines]
      .sort((a, b) => a.atMs - b.atMs)
      .map(({ atMs, text }) => `${((atMs - this.begin) / 1000).toFixed(3).padStart(8)} ${text}`)
      .join('\n');
  }
}
