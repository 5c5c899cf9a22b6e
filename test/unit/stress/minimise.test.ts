import { expect } from 'chai';
import { minimise } from '../../stress/minimise.js';
import type { Disturbance, Phase } from '../../stress/plan.js';

const item = (atMs: number): Disturbance => ({
  kind: 'disturbance',
  atMs,
  name: 'a',
  victims: ['supervisor'],
  stopMs: undefined,
});
const moments = (phases: readonly Phase[]): number[] =>
  phases.flatMap(({ items }) => items.map((one) => (one.kind === 'disturbance' ? one.atMs : -1)));

describe('the shortest plan that fails', () => {
  const phases: Phase[] = [0, 10, 20].map((first) => ({
    items: Array.from({ length: 10 }, (_, index) => item(first + index)),
    repair: false,
  }));

  it('keeps what it takes, in its phases, and nothing else', async () => {
    const needed = [3, 17, 18];
    const fails = (candidate: readonly Phase[]): Promise<boolean> =>
      Promise.resolve(needed.every((moment) => moments(candidate).includes(moment)));
    const shortest = await minimise(phases, fails, Infinity);
    expect(shortest.map((phase) => moments([phase]))).to.deep.equal([[3], [17, 18]]);
  });

  it('is the whole one when no time is left, or when nothing can be left out', async () => {
    expect(moments(await minimise(phases, () => Promise.resolve(true), 0))).to.have.lengthOf(30);
    expect(moments(await minimise(phases, () => Promise.resolve(false), Infinity))).to.have.lengthOf(30);
  });
});
