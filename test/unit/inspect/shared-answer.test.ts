import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monotonicMs, shareAnswer } from '../../../src/inspect/shared-answer.js';
import { onTestEnd } from '../../fixtures/test-end.js';

describe('an answer that is shared', () => {
  it('is whole after a longer one, and found by who asked before', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'rnetns-answer-'));
    onTestEnd(() => rmSync(dir, { recursive: true }));
    const file = join(dir, 'seen.json');
    const env = { PATH: process.env.PATH ?? '/usr/bin:/bin' };
    const answers = [Array.from({ length: 500 }, (_, index) => `a longer answer ${index}`), ['short'], []];
    for (const answer of answers) {
      const asked = monotonicMs();
      expect(await shareAnswer(file, 'g', asked, env, () => Promise.resolve(answer))).to.deep.equal(answer);
      expect((JSON.parse(readFileSync(file, 'utf8')) as { answer: unknown }).answer).to.deep.equal(answer);
      const again = await shareAnswer(file, 'g', asked, env, () => Promise.reject(new Error('looked for itself')));
      expect(again).to.deep.equal(answer);
    }
  });
});
