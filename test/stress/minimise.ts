/**
 * The shortest plan that still fails, as far as it can be found in the time given: delta debugging by halves
 * (https://www.st.cs.uni-saarland.de/papers/tse2002/tse2002.pdf). A race doesn't fail every time, so what is found may
 * be longer than needed, and never shorter: each plan that is kept has failed.
 */

import type { Phase } from './plan.js';

type Item = Phase['items'][number];

/** All items of all phases, each with the number of its phase. */
type Flat = { phase: number; item: Item }[];

export async function minimise(
  phases: readonly Phase[],
  fails: (phases: readonly Phase[]) => Promise<boolean>,
  deadlineMs: number,
): Promise<readonly Phase[]> {
  const unfold = (flat: Flat): Phase[] =>
    phases.flatMap(({ repair }, phase) => {
      const items = flat.filter((one) => one.phase === phase).map(({ item }) => item);
      return items.length === 0 ? [] : [{ items, repair }];
    });
  let best: Flat = phases.flatMap(({ items }, phase) => items.map((item) => ({ phase, item })));
  let chunks = 2;
  while (chunks <= best.length) {
    const size = Math.ceil(best.length / chunks);
    let shorter: Flat | undefined;
    // The last ones stay longest: what fails last is next to the cause.
    for (let from = 0; from < best.length && shorter === undefined; from += size) {
      if (performance.now() > deadlineMs) return unfold(best);
      const candidate = best.filter((_, index) => index < from || index >= from + size);
      if (await fails(unfold(candidate))) shorter = candidate;
    }
    best = shorter ?? best;
    chunks = shorter === undefined ? chunks * 2 : Math.max(2, chunks - 1);
  }
  return unfold(best);
}
