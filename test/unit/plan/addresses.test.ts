import { isIP } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { ofFamiliesIn, parseProcAddresses } from '../../../src/plan/addresses.js';

// From a real host; both tables of the kernel list the same leaves.
const TABLE = `  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     +-- 169.254.0.0/16 2 0 2
        |-- 169.254.7.7
           /32 host LOCAL
     +-- 192.0.2.0/24 2 0 2
        +-- 192.0.2.0/30 2 0 2
           |-- 192.0.2.0
              /32 link BROADCAST
              /24 link UNICAST
           |-- 192.0.2.2
              /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
     +-- 198.51.100.0/24 2 0 2
        |-- 198.51.100.0
           /24 host LOCAL
     |-- 224.0.0.9
        /32 host LOCAL
`;
const FIB_TRIE = `Main:\n${TABLE}Local:\n${TABLE}`;
const IF_INET6 = `fe8000000000000000fc00fffe000001 04 40 20 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
fd000000000000000000000000000002 04 40 00 82     eth0
20010db8000000000001000000000001 05 40 00 80     eth1
fd000000000000000000000000000002 06 40 00 80     eth2
`;

describe('plan/addresses', () => {
  it('lists the addresses of a namespace once each', () => {
    expect(parseProcAddresses(FIB_TRIE, IF_INET6)).to.deep.equal([
      '169.254.7.7',
      '192.0.2.2',
      'fd00::2',
      '2001:db8::1:0:0:1',
    ]);
  });

  it('finds none in an empty namespace', () => expect(parseProcAddresses('', '')).to.deep.equal([]));

  it('never takes a line of one leaf for another', () => {
    expect(parseProcAddresses('  |-- 192.0.2.9\n  +-- 10.0.0.0/8 1 0 0\n  /32 host LOCAL\n', '')).to.deep.equal([]);
  });

  it('reads any text into addresses or nothing', () => {
    const line = fc.constantFrom(...FIB_TRIE.split('\n'), ...IF_INET6.split('\n'));
    const text = fc.array(fc.oneof(line, fc.string())).map((lines) => lines.join('\n'));
    fc.assert(fc.property(text, text, (a, b) => parseProcAddresses(a, b).every((address) => isIP(address) !== 0)));
  });

  for (const [addresses, expected] of [
    [['192.0.2.2'], ['169.254.1.1']],
    [['fd00::2'], ['fd00::53']],
    [
      ['192.0.2.2', 'fd00::2'],
      ['169.254.1.1', 'fd00::53'],
    ],
    [[], []],
  ]) {
    it(`keeps the forwarders that [${addresses!.join()}] can reach`, () => {
      expect(ofFamiliesIn(['169.254.1.1', 'none', 'fd00::53'], addresses!)).to.deep.equal(expected);
    });
  }
});
