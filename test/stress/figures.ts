/** What was done, how often and how long it took; printed at the end. */

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

export class Figures {
  private readonly durations = new Map<string, number[]>();
  private readonly counts = new Map<string, Map<string, number>>();

  operation(verb: string, ms: number): void {
    this.durations.set(verb, [...(this.durations.get(verb) ?? []), ms]);
  }

  count(kind: string, what: string): void {
    const counts = this.counts.get(kind) ?? new Map<string, number>();
    counts.set(what, (counts.get(what) ?? 0) + 1);
    this.counts.set(kind, counts);
  }

  toString(): string {
    const rows = [...this.durations].sort().map(([verb, times]) => {
      const [middle, most] = [median(times), Math.max(...times)].map((ms) => `${Math.round(ms)} ms`.padStart(9));
      return `${verb.padEnd(10)} ${String(times.length).padStart(6)}  median ${middle}  most ${most}`;
    });
    const total = [...this.durations.values()].reduce((sum, times) => sum + times.length, 0);
    const lists = [...this.counts].sort().map(([kind, counts]) => {
      const entries = [...counts].sort(([, a], [, b]) => b - a).map(([what, count]) => `${what} ${count}`);
      return `${kind}: ${entries.join(kind === 'excused' ? '\n    ' : ', ')}`;
    });
    return [`operations: ${total}`, ...rows, ...lists].join('\n  ');
  }
}
