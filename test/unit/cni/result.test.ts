import { expect } from 'chai';
import fc from 'fast-check';
import { writeResult } from '../../../src/cni/convert.js';
import { CniError } from '../../../src/cni/error.js';
import { parseResult, readResult } from '../../../src/cni/result.js';
import { CNI_VERSIONS, type CniVersion } from '../../../src/cni/version.js';
import { cniErrorOf } from '../../fixtures/cni/plugins.js';

const dns = { nameservers: ['10.1.0.1'], domain: 'a.b', search: ['a.b'], options: ['ndots:1'] };
const FULL = {
  cniVersion: '1.1.0',
  interfaces: [
    { name: 'b0' },
    { name: 'eth0', mac: '02:00:00:00:00:01', mtu: 1400, sandbox: '/n', socketPath: '/s', pciID: '0000:00:1f.6' },
  ],
  ips: [
    { interface: 0, address: '10.1.0.2/24', gateway: '10.1.0.1' },
    { interface: 1, address: 'fd00::2/64', gateway: 'fd00::1' },
    { address: '10.2.0.2/16' },
  ],
  routes: [
    { dst: '0.0.0.0/0', gw: '10.1.0.1', mtu: 1400, advmss: 1360, priority: 5, table: 0, scope: 0 },
    { dst: '::/0' },
    { dst: '10.9.0.0/16' },
  ],
  dns,
};

const convert = (value: unknown, to: CniVersion, from: CniVersion = '1.1.0') =>
  writeResult(readResult(value, from), to);

describe('cni: results', () => {
  it('1.1.0 and 1.0.0 have all fields', () => {
    expect(convert(FULL, '1.1.0')).to.deep.equal(FULL);
    expect(convert(FULL, '1.0.0')).to.deep.equal({ ...FULL, cniVersion: '1.0.0' });
    expect(convert({ cniVersion: '1.0.0' }, '1.0.0')).to.deep.equal({ cniVersion: '1.0.0' });
  });

  it('0.3.0 to 0.4.0: three fields of an interface, a family with each address, dns even when empty', () => {
    for (const version of ['0.3.0', '0.3.1', '0.4.0'] as const) {
      expect(convert(FULL, version)).to.deep.equal({
        cniVersion: version,
        interfaces: [{ name: 'b0' }, { name: 'eth0', mac: '02:00:00:00:00:01', sandbox: '/n' }],
        ips: [
          { version: '4', ...FULL.ips[0] },
          { version: '6', ...FULL.ips[1] },
          { version: '4', ...FULL.ips[2] },
        ],
        routes: FULL.routes,
        dns,
      });
      expect(convert({}, version)).to.deep.equal({ cniVersion: version, dns: {} });
    }
  });

  it('0.1.0 and 0.2.0: the first address of each family with its routes', () => {
    for (const version of ['0.1.0', '0.2.0'] as const) {
      expect(convert(FULL, version)).to.deep.equal({
        cniVersion: version,
        ip4: {
          ip: '10.1.0.2/24',
          gateway: '10.1.0.1',
          routes: [{ dst: '0.0.0.0/0', gw: '10.1.0.1' }, { dst: '10.9.0.0/16' }],
        },
        ip6: { ip: 'fd00::2/64', gateway: 'fd00::1', routes: [{ dst: '::/0' }] },
        dns,
      });
    }
  });

  it('0.2.0 up: its addresses and routes, IPv4 first', () => {
    const old = {
      cniVersion: '0.2.0',
      ip6: { ip: 'fd00::2/64', routes: [{ dst: '::/0', gw: 'fd00::1' }] },
      ip4: { ip: '10.1.0.2/24', gateway: '10.1.0.1' },
    };
    const ips = [{ address: '10.1.0.2/24', gateway: '10.1.0.1' }, { address: 'fd00::2/64' }];
    expect(convert(old, '1.1.0')).to.deep.equal({
      cniVersion: '1.1.0',
      ips,
      routes: [{ dst: '::/0', gw: 'fd00::1' }],
    });
    expect(convert({ ip4: old.ip4 }, '0.3.1', '0.1.0')).to.deep.equal({
      cniVersion: '0.3.1',
      ips: [{ version: '4', ...ips[0] }],
      dns: {},
    });
  });

  it('a newer result without an address has no form in 0.2.0', async () => {
    const error = await cniErrorOf(() => convert({ cniVersion: '1.0.0' }, '0.2.0'));
    expect([error.cniCode, error.msg]).to.deep.equal([
      6,
      'cannot convert the result to CNI version 0.2.0: no valid IP addresses',
    ]);
    expect(convert({}, '0.2.0', '0.2.0')).to.deep.equal({ cniVersion: '0.2.0', dns: {} });
  });

  it('its own version counts, and that of the request where it has none', () => {
    expect(parseResult('{"cniVersion":"0.4.0"}', '1.0.0').version).to.equal('0.4.0');
    for (const text of ['{}', '{"cniVersion":""}', '{"cniVersion":5}', 'null']) {
      expect(parseResult(text, '0.3.1').version, text).to.equal('0.3.1');
    }
  });

  it("a route's destination is a network, an address keeps its host", () => {
    const dst = (text: string) =>
      readResult({ routes: [{ dst: text }], ips: [{ address: '10.7.7.7/8' }] }, '1.0.0').routes[0]?.dst;
    for (const [given, masked] of [
      ['10.7.7.7/8', '10.0.0.0/8'],
      ['10.7.7.7/0', '0.0.0.0/0'],
      ['10.7.7.7/31', '10.7.7.6/31'],
      ['255.255.255.255/1', '128.0.0.0/1'],
      ['10.7.7.7/32', '10.7.7.7/32'],
      ['fd00:1:2:3ff::9/55', 'fd00:1:2:200::/55'],
      ['fd00::9/0', '::/0'],
      ['fd00::9/128', 'fd00::9/128'],
      ['FD00:0::/64', 'FD00:0::/64'],
    ] as const) {
      expect(dst(given)).to.equal(masked);
    }
    expect(convert({ ips: [{ address: '10.7.7.7/8' }] }, '1.0.0')).to.have.nested.property(
      'ips[0].address',
      '10.7.7.7/8',
    );
  });

  it('unknown fields are dropped, null is absent, field names count in any case', () => {
    const odd = { Interfaces: [{ Name: 'eth0', mac: null, extra: 1 }], ips: null, extra: {}, dns: null };
    expect(convert(odd, '1.0.0')).to.deep.equal({ cniVersion: '1.0.0', interfaces: [{ name: 'eth0' }] });
  });

  const REFUSED: [text: string, code: number, message: RegExp][] = [
    ['', 6, /^the plugin printed no result$/],
    ['done', 6, /^the result is no JSON: "done"$/],
    ['[]', 6, /^the result must be an object, not an array$/],
    ['{"cniVersion":"9.9.9"}', 1, /^the result is of the unknown CNI version "9.9.9"$/],
    ['{"ips":{}}', 6, /^the result\.ips must be an array, not an object$/],
    ['{"ips":[{}]}', 6, /^the result\.ips\[0\]\.address is no address with prefix length: ""$/],
    ['{"ips":[{"address":"10.1.0.2"}]}', 6, /address is no address with prefix length/],
    ['{"ips":[{"address":"10.1.0.2/33"}]}', 6, /address is no address with prefix length/],
    ['{"ips":[{"address":"fe80::1%eth0/64"}]}', 6, /address is no address with prefix length/],
    ['{"ips":[{"address":"10.1.0.2/24","gateway":"x"}]}', 6, /gateway is no IP address: "x"/],
    ['{"ips":[{"address":"10.1.0.2/24","interface":"0"}]}', 6, /interface must be a whole number, not "0"/],
    ['{"interfaces":["eth0"]}', 6, /interfaces\[0\] must be an object, not a string/],
    ['{"interfaces":[{"name":1}]}', 6, /name must be a string, not a number/],
    ['{"routes":[{"dst":"default"}]}', 6, /dst is no address/],
    ['{"dns":{"nameservers":[1]}}', 6, /nameservers must hold strings, not a number/],
  ];
  for (const [text, code, message] of REFUSED) {
    it(`refuses ${JSON.stringify(text)}`, async () => {
      const error = await cniErrorOf(() => parseResult(text, '1.0.0'));
      expect(error.cniCode).to.equal(code);
      expect(error.message).to.match(message);
    });
  }

  const version = fc.constantFrom(...CNI_VERSIONS);
  const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
  const ip = fc.oneof(
    fc.ipV4(),
    fc.ipV6().filter((text) => !text.includes('%')),
  );
  const cidr = fc.oneof(
    fc.tuple(fc.ipV4(), fc.nat(32)).map(([address, prefix]) => `${address}/${prefix}`),
    fc.tuple(fc.ipV6(), fc.nat(128)).map(([address, prefix]) => `${address}/${prefix}`),
  );
  const number = optional(fc.nat());
  const result = fc
    .record({
      interfaces: fc.array(
        fc.record({ name: fc.string(), mac: optional(fc.string()), mtu: number, sandbox: fc.string() }),
      ),
      ips: fc.array(fc.record({ address: cidr, gateway: optional(ip), interface: number }), { minLength: 1 }),
      routes: fc.array(fc.record({ dst: cidr, gw: optional(ip), table: number, priority: number })),
      dns: fc.record({ domain: fc.string(), search: fc.array(fc.string()) }),
    })
    .map((value) => JSON.stringify(value));

  it('what a version can hold comes back from every newer one', () => {
    fc.assert(
      fc.property(result, version, version, (text, a, b) => {
        const [older, newer] = CNI_VERSIONS.indexOf(a) <= CNI_VERSIONS.indexOf(b) ? [a, b] : [b, a];
        const written = writeResult(parseResult(text, '1.1.0'), older);
        const there = writeResult(readResult(written, older), newer);
        // An old result has its routes by family, so their order is kept within a family only, which writing shows.
        expect(writeResult(readResult(there, newer), older)).to.deep.equal(written);
      }),
    );
  });

  it('fails with a CniError only, whatever a plugin prints', () => {
    const key = fc.constantFrom(
      'interfaces',
      'ips',
      'routes',
      'dns',
      'ip4',
      'ip6',
      'address',
      'dst',
      'gw',
      'name',
      'mtu',
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>('10.1.0.2/24', 'x', 0, 1.5, null, true),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 5 }),
      ),
    }));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          value.map((json) => JSON.stringify(json)),
        ),
        version,
        version,
        (text, from, to) => {
          try {
            expect(writeResult(parseResult(text, from), to).cniVersion).to.equal(to);
          } catch (error) {
            expect(error).to.be.instanceOf(CniError);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
