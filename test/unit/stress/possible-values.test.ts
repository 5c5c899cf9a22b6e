import { expect } from 'chai';
import fc from 'fast-check';
import { possibleValues, type Change } from '../../stress/possible-values.js';

const at = (startMs: number, endMs: number, apply: (value: number) => number, certain = true): Change<number> => ({
  startMs,
  endMs,
  certain,
  apply,
});
const add = (count: number) => (value: number) => value + count;
const to = (value: number) => () => value;
const sorted = (values: Set<number>): number[] => [...values].sort((a, b) => a - b);

describe('the values that are possible after changes', () => {
  it('are the one of their order when none overlap', () => {
    expect(sorted(possibleValues([0], [at(2, 3, to(2)), at(0, 1, to(1))]))).to.deep.equal([2]);
  });

  it('are those of each order when they overlap', () => {
    expect(sorted(possibleValues([0], [at(0, 2, to(1)), at(1, 3, to(2))]))).to.deep.equal([1, 2]);
  });

  it('are with and without one that was killed, also after all others', () => {
    expect(sorted(possibleValues([0], [at(0, 1, to(1), false)]))).to.deep.equal([0, 1]);
    expect(sorted(possibleValues([0], [at(0, 1, to(1), false), at(2, 3, to(2))]))).to.deep.equal([1, 2]);
  });

  it('never are without one that succeeded', () => {
    expect(sorted(possibleValues([0, 5], [at(0, 1, add(1)), at(0, 1, add(2))]))).to.deep.equal([3, 8]);
  });

  it('include that of the order in which the changes really were', () => {
    const arbitrary = fc.array(fc.tuple(fc.nat(20), fc.nat(9), fc.nat(9), fc.integer(), fc.boolean()), {
      maxLength: 7,
    });
    fc.assert(
      fc.property(arbitrary, (raw) => {
        // Each took effect at `moment`, which lies between its start and its end.
        const real = raw.map(([moment, before, after, value, adds], index) => ({
          moment: moment + index / 100,
          change: at(moment - before, moment + 1 + after, adds ? add(value) : to(value)),
        }));
        const inOrder = [...real].sort((a, b) => a.moment - b.moment);
        const result = inOrder.reduce((value, { change }) => change.apply(value), 0);
        expect(
          possibleValues(
            [0],
            real.map(({ change }) => change),
          ).has(result),
        ).to.be.true;
      }),
    );
  });
});
