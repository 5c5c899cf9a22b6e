import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { projectRoot } from '../../fixtures/rnetns.js';
import { cpusIn, resourceLimits } from '../../../src/inspect/limits.js';

describe('scripts/start-node.sh', () => {
  it('takes away every variable that the help of this Node names as its own', () => {
    const help = execFileSync(process.execPath, ['--help'], { encoding: 'utf8', env: { PATH: process.env.PATH } });
    const named = [...help.matchAll(/^((?:NODE|UV|SSL|OPENSSL)_[A-Z0-9_]+)/gm)].map(([, name]) => name);
    const script = readFileSync(join(projectRoot, 'scripts/start-node.sh'), 'utf8');
    const taken = /^ {2}unset ((?:.*\\\n)*.*)$/m.exec(script)?.[1]?.split(/[\s\\]+/) ?? [];
    expect(taken).to.include.members(['NODE_OPTIONS', 'NODE_CHANNEL_FD', ...named]);
  });
});

describe('limits', () => {
  const line = (title: string, soft: string) => `${title.padEnd(25)} ${soft.padEnd(20)} unlimited            units`;

  it('are those that somebody on the network would feel', () => {
    const text = [line('Max cpu time', '30'), line('Max open files', '300'), line('Max stack size', '8388608')];
    expect(resourceLimits(text.join('\n'))).to.deep.equal([
      { name: 'cpu', value: 30 },
      { name: 'nofile', value: 300 },
    ]);
    expect(resourceLimits([line('Max cpu time', 'unlimited'), line('Max open files', '1024')].join('\n'))).to.be.empty;
  });

  it('know a list of CPUs', () => {
    expect([...cpusIn('0-2,8')]).to.deep.equal([0, 1, 2, 8]);
  });
});
