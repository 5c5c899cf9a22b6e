/**
 * What a value can be after changes that overlapped in time.
 *
 * Each change took effect at one moment between its start and its end; one that was killed, or failed, at some moment
 * after its start or never. So every order counts that puts no change before one that had ended when it began
 * (linearizability, https://cs.brown.edu/~mph/HerlihyW90/p463-herlihy.pdf).
 */

export interface Change<V> {
  startMs: number;
  endMs: number;
  /** It reported success: it did take effect, and before its end. */
  certain: boolean;
  apply: (value: V) => V;
}

/** @typeParam V - compared with `===`. */
export function possibleValues<V>(initial: Iterable<V>, changes: readonly Change<V>[]): Set<V> {
  const possible = new Set<V>();
  const seen = new Map<V, Set<bigint>>();
  const visit = (value: V, done: bigint): void => {
    const known = seen.get(value) ?? new Set<bigint>();
    seen.set(value, known);
    if (known.has(done)) return;
    known.add(done);
    const left = changes
      .map((change, index) => ({ change, bit: 1n << BigInt(index) }))
      .filter(({ bit }) => !(done & bit));
    const due = left.filter(({ change }) => change.certain).map(({ change }) => change);
    if (due.length === 0) possible.add(value);
    for (const { change, bit } of left) {
      if (due.some((other) => other !== change && other.endMs < change.startMs)) continue;
      visit(change.apply(value), done | bit);
    }
  };
  for (const value of initial) visit(value, 0n);
  return possible;
}
