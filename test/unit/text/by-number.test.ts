import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { byNumber } from '../../../src/text/by-number.js';
import { projectRoot } from '../../fixtures/rnetns.js';

describe('byNumber', () => {
  it('sorts by the numbers in names, whichever order they had', () => {
    const sorted = ['', '2', '10', 'c', 'c1', 'c01', 'c1a', 'c2', 'c2-10', 'c10', 'c10-2', 'd', 'd9007199254740993'];
    sorted.splice(4, 2, 'c01', 'c1');
    expect([...sorted].reverse().sort(byNumber)).to.deep.equal(sorted);
    for (const name of sorted) expect(byNumber(name, name)).to.equal(0);
  });

  it('is what sorts in a program, for the collations of ICU take longer to load than all else', () => {
    for (const file of readdirSync(join(projectRoot, 'dist/cli')).filter((name) => name.endsWith('program.cjs'))) {
      const text = readFileSync(join(projectRoot, 'dist/cli', file), 'latin1');
      expect(text, file).not.to.match(/new Intl\.Collator/);
    }
  });
});
