import { execFileSync } from 'node:child_process';
import { expect } from 'chai';
import { cksum, sumOfHostFiles } from '../../../src/plan/host-sum.js';

describe('the sum of the host files', () => {
  it('is that of cksum(1)', () => {
    for (const text of ['', '\n', 'nameserver 192.0.2.53\n', 'x'.repeat(255), 'y'.repeat(70_000), 'ü\0\xff']) {
      expect(cksum(Buffer.from(text))).to.equal(execFileSync('cksum', { input: text, encoding: 'utf8' }).trim());
    }
  });

  it('tells which file it is in', () => {
    const text = 'nameserver 192.0.2.53\n';
    const sums = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf', '/none'].map((only) =>
      sumOfHostFiles((path) => (path === only ? text : undefined)),
    );
    expect(new Set(sums).size).to.equal(3);
    expect(sums[2]).to.equal(cksum(Buffer.from('\n')));
  });
});
