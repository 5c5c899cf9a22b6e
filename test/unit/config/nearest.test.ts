import { expect } from 'chai';
import fc from 'fast-check';
import { nearest } from '../../../src/config/nearest.js';

describe('nearest', () => {
  const known = ['linger', 'log_level', 'dns_servers', 'dns_searches'];

  it('finds the word behind a slip, without regard to case and - for _', () => {
    expect(nearest('lnger', known)).to.equal('linger');
    expect(nearest('LOG-LEVEL', known)).to.equal('log_level');
    expect(nearest('dns_server', known)).to.equal('dns_servers');
  });

  it('finds nothing when no word is close', () => {
    expect(nearest('bridge_name', known)).to.equal(undefined);
    expect(nearest('', known)).to.equal(undefined);
    expect(nearest('x', [])).to.equal(undefined);
  });

  it('finds every known word itself', () => {
    fc.assert(fc.property(fc.constantFrom(...known), (word) => nearest(word, known) === word));
  });
});
