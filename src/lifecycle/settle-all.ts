/** Both, and neither is left running unobserved when the other fails. */
export async function settleAll<A, B>(first: Promise<A> | A, second: Promise<B> | B): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === 'rejected') throw a.reason;
  if (b.status === 'rejected') throw b.reason;
  return [a.value, b.value];
}
