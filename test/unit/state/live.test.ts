import { expect } from 'chai';
import fc from 'fast-check';
import { formatLive, parseLive, type Live } from '../../../src/state/live.js';

const live: Live = {
  generation: '0f8fad5b-d9cb-469f-a165-70867728950e',
  bootId: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
  supervisor: { pid: 11, startTicks: 101 },
  guard: { pid: 12, startTicks: 102 },
  keeper: { pid: 13, startTicks: 103 },
};

describe('live', () => {
  it('is one line that scripts/rnetns can read with one read', () => {
    expect(formatLive(live)).to.equal(`rnetns1 ${live.generation} ${live.bootId} 11 101 12 102 13 103 .\n`);
  });

  it('comes back as it was written', () => {
    expect(parseLive(formatLive(live))).to.deep.equal(live);
  });

  it('has a guard of 0 0 when nobody knows of one yet', () => {
    const without = { ...live, guard: undefined };
    expect(formatLive(without)).to.contain(' 11 101 0 0 13 103 .');
    expect(parseLive(formatLive(without))).to.deep.equal(without);
  });

  it('is refused when torn at any place', () => {
    const line = formatLive(live).trimEnd();
    for (let end = 0; end < line.length; end++)
      expect(parseLive(line.slice(0, end)), line.slice(0, end)).to.equal(undefined);
  });

  it('is refused when it is of another version, has another field or none', () => {
    const line = formatLive(live);
    for (const text of [
      '',
      '\n',
      line.replace('rnetns1', 'rnetns2'),
      line.replace(' .', ' 5 .'),
      line.replace('11', '-1'),
    ]) {
      expect(parseLive(text)).to.equal(undefined);
    }
  });

  it('never throws, whatever is in the file', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseLive(text)));
  });
});
