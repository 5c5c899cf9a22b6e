import { isIPv4, isIPv6 } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { formatIp, isIpv6LinkLocal, isLocalhost, isMulticast, parseIp } from '../../../src/plan/ip.js';

const canonical = (text: string): string | undefined => {
  const ip = parseIp(text);
  return ip && formatIp(ip);
};

describe('plan/ip', () => {
  for (const [text, expected] of [
    ['192.0.2.1', '192.0.2.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['010.0.0.1', undefined],
    ['256.0.0.1', undefined],
    ['1.2.3', undefined],
    ['', undefined],
    ['::', '::'],
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
    ['fe80::1%', undefined],
    ['::ffff:127.0.0.1', '::ffff:7f00:1'],
    ['1.2.3.4::', undefined],
    ['1::2::3', undefined],
    ['1:2:3:4:5:6:7', undefined],
    ['1:2:3:4:5:6:7:8::', undefined],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    [':::', undefined],
    [':1', undefined],
    ['12345::', undefined],
  ] as const) {
    it(`reads ${JSON.stringify(text)} as ${String(expected)}`, () => expect(canonical(text)).to.equal(expected));
  }

  it('tells what an address is for, in every spelling', () => {
    const judge = (text: string): boolean[] => {
      const ip = parseIp(text)!;
      return [isLocalhost(ip), isMulticast(ip), isIpv6LinkLocal(ip)];
    };
    for (const local of ['127.0.0.53', '0.0.0.0', '::', '0::1', '::ffff:127.1.2.3']) {
      expect(judge(local), local).to.deep.equal([true, false, false]);
    }
    for (const many of ['224.0.0.1', '239.255.255.250', 'ff02::1']) {
      expect(judge(many), many).to.deep.equal([false, true, false]);
    }
    for (const link of ['fe80::1', 'febf::1', 'fe80::1%eth0']) {
      expect(judge(link), link).to.deep.equal([false, false, true]);
    }
    for (const other of ['169.254.1.1', '192.0.2.1', '::ffff:192.0.2.1', 'fec0::1', '2001:db8::1']) {
      expect(judge(other), other).to.deep.equal([false, false, false]);
    }
  });

  it('takes what Node takes as an address, and nothing else', () => {
    const text = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.string(),
      fc.string({ unit: fc.constantFrom('0', '1', '2', '9', 'a', 'f', ':', '.'), maxLength: 20 }),
    );
    fc.assert(
      fc.property(text, (word) => (parseIp(word) !== undefined) === (isIPv4(word) || isIPv6(word))),
      {
        numRuns: 3000,
      },
    );
  });

  it('writes IPv6 as the URL standard does', () => {
    fc.assert(fc.property(fc.ipV6(), (word) => `[${canonical(word)!}]` === new URL(`http://[${word}]`).hostname));
  });
});
