import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../fixtures/rnetns.js';

const read = (file: string): string => readFileSync(join(projectRoot, file), 'utf8');

describe('the oldest Node.js that will do', () => {
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  const oldest = engines.node.replace(/^>=/, '');

  for (const [file, pattern] of [
    ['README.md', /Node\.js (\S+) or newer/g],
    ['scripts/cold.sh', /^rn_oldest_node=(\S+)$/gm],
    ['dist/cli/main.cjs', /Node\.js (\S+) or newer/g],
    ['package-lock.json', /"name": "rnetns",[^]*?"node": ">=([^"]*)"/g],
  ] as const) {
    it(`is package.json's in ${file}`, () => {
      const numbers = [...read(file).matchAll(pattern)].map(([, number]) => number);
      expect(numbers).to.not.be.empty;
      for (const number of numbers) expect(number).to.equal(oldest);
    });
  }
});
