import { expect } from 'chai';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { StateDirectory } from '../../../src/state/directory.js';
import { remainsOf, removeRemains } from '../../../src/state/remains.js';

describe('what a namespace has left', () => {
  it('is all but durable references and what the caller has made, and just that is removed', () => {
    const base = mkdtempSync(join(tmpdir(), 'rnetns-remains-'));
    try {
      const state = new StateDirectory(base, 'default');
      const kept = [
        ...[join(state.references, 'web'), join(state.tied, 'db'), state.refCount, join(state.counted, 'web')],
        ...[state.lockOwner, state.lease('2'), state.keeperFifo('2')],
      ];
      const left = [
        state.live,
        state.record,
        state.log,
        state.lease('1'),
        state.keeperFifo('1'),
        join(state.names, 'n'),
      ];
      for (const path of [...kept, ...left]) {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, '');
      }
      const names = ['keeper.1', 'lease.1', 'live', 'log', 'netns', 'state.json'];
      expect(remainsOf(state, '2').sort()).to.deep.equal(names);
      removeRemains(state, '2');
      expect(remainsOf(state, '2')).to.deep.equal([]);
      expect(readdirSync(state.path)).to.have.lengthOf(kept.length);
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
  });
});
