/** The known word that was probably meant, or undefined if none is close. For the hint of an error. */
export function nearest(wrong: string, known: readonly string[]): string | undefined {
  const plain = wrong.slice(0, 64).toLowerCase().replaceAll('-', '_');
  let best: string | undefined;
  // Of a short word half may be wrong: with all letters replaced anything of its length would be near.
  const allowed = Math.min(Math.max(2, Math.floor(plain.length / 3)), Math.max(1, Math.floor(plain.length / 2)));
  let bestDistance = allowed + 1;
  for (const word of known) {
    const distance = editDistance(plain, word);
    if (distance < bestDistance) [best, bestDistance] = [word, distance];
  }
  return best;
}

/** Insertions, deletions, replacements, and swaps of neighbours (optimal string alignment), row by row. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? (before[j - 2] ?? 0) + 1 : replaced;
      next.push(Math.min(replaced, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}
