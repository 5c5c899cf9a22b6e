import { expect } from 'chai';
import fc from 'fast-check';
import { defaultInterfaces, hasDefaultRoute, waysOut } from '../../../src/plan/default-route.js';

const HEAD = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
const DEFAULT4 = 'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n';
const LINK4 = 'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n';
const HALF4 = 'tun0\t00000000\t0100000A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n';
const OTHER_HALF4 = 'tun0\t00000080\t0100000A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n';
const PRIVATE4 = 'eth0\t0000000A\t010200C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n';
const REJECT4 = '*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0\n';

const REJECT_HALF4 = '*\t00000080\t00000000\t0200\t0\t0\t0\t00000080\t0\t0\t0\n';

const ZERO = '0'.repeat(32);
const DEFAULT6 = `${ZERO} 00 ${ZERO} 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n`;
const DEVICE6 = `${ZERO} 00 ${ZERO} 00 ${ZERO} 00000400 00000002 00000000 00000001     wg0\n`;
const KERNEL6 = `${ZERO} 00 ${ZERO} 00 ${ZERO} ffffffff 00000001 00000000 00200200       lo\n`;
const UNREACHABLE6 = `${ZERO} 00 ${ZERO} 00 ${ZERO} 00000400 00000001 00000000 00000201     eth0\n`;
const GLOBAL6 = `2${'0'.repeat(31)} 03 ${ZERO} 00 ${ZERO} 00000400 00000002 00000000 00000001     wg0\n`;
const LINK6 = `fd000000000000000000000000000000 40 ${ZERO} 00 ${ZERO} 00000100 00000001 00000000 00000001     eth0\n`;

describe('plan/default-route', () => {
  for (const [name, route, route6, expected] of [
    ['a host with both families', HEAD + DEFAULT4 + LINK4, LINK6 + DEFAULT6 + KERNEL6, true],
    ['IPv4 alone, no IPv6 in the kernel', HEAD + LINK4 + DEFAULT4, '', true],
    ['IPv6 alone', HEAD, DEFAULT6 + KERNEL6, true],
    ['a point-to-point device without a gateway', HEAD, DEVICE6, true],
    ["an empty namespace: the kernel's own entry on lo does not count", HEAD, KERNEL6 + KERNEL6, false],
    ['links only', HEAD + LINK4, LINK6 + KERNEL6, false],
    ['half of the address space is no default', HEAD + HALF4, '', false],
    ['both halves of it are one', HEAD + HALF4 + OTHER_HALF4, '', true],
    ['a private network is none', HEAD + PRIVATE4 + LINK4, '', false],
    ['halves that refuse packets hide a default route', HEAD + DEFAULT4 + REJECT_HALF4, '', false],
    ['IPv6 from 2000::/3 on', HEAD, GLOBAL6, true],
    ['a blackhole', HEAD + REJECT4, UNREACHABLE6, false],
    ['nothing', '', '', false],
  ] as const) {
    it(`${name}: ${String(expected)}`, () => expect(hasDefaultRoute(route, route6)).to.equal(expected));
  }

  it('tells the families apart', () => {
    expect(waysOut(HEAD + DEFAULT4, KERNEL6)).to.deep.equal({ ipv4: true, ipv6: false });
    expect(waysOut(HEAD + LINK4, DEFAULT6)).to.deep.equal({ ipv4: false, ipv6: true });
  });

  it('names the interfaces, each once', () => {
    expect(defaultInterfaces(HEAD + DEFAULT4 + LINK4, DEVICE6 + DEFAULT6 + KERNEL6)).to.deep.equal(['eth0', 'wg0']);
    expect(defaultInterfaces(HEAD + DEFAULT4 + HALF4 + OTHER_HALF4, '')).to.deep.equal(['tun0']);
    expect(defaultInterfaces(HEAD + REJECT4, KERNEL6)).to.deep.equal([]);
  });

  it('reads any text', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => typeof hasDefaultRoute(a, b) === 'boolean'));
  });
});
