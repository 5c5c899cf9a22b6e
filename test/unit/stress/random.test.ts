import { expect } from 'chai';
import { planPhase } from '../../stress/plan.js';
import { Random } from '../../stress/random.js';

describe('the choices of stress', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(planPhase(1, 2, 3)).to.deep.equal(planPhase(1, 2, 3));
    for (const other of [planPhase(2, 2, 3), planPhase(1, 3, 3), planPhase(1, 2, 4)]) {
      expect(other).to.not.deep.equal(planPhase(1, 2, 3));
    }
  });

  it('are as often as their weights say', () => {
    const random = new Random(1);
    const drawn = Array.from({ length: 10_000 }, () =>
      random.weighted([
        [3, 'often'],
        [1, 'seldom'],
        [0, 'never'],
      ]),
    );
    const count = (choice: string): number => drawn.filter((one) => one === choice).length;
    expect(count('often')).to.be.within(7300, 7700);
    expect(count('never')).to.equal(0);
    expect(new Set(Array.from({ length: 100 }, () => random.whole(1, 3)))).to.deep.equal(new Set([1, 2, 3]));
  });
});
