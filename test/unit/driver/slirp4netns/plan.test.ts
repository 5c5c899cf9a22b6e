import { isIPv4 } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { RnetnsError } from '../../../../src/errors/error.js';
import {
  parseSlirp4netnsOptions,
  planSlirp4netns,
  type Slirp4netnsFacts,
} from '../../../../src/driver/slirp4netns/plan.js';

const ALL = [
  ...['--disable-host-loopback', '--mtu', '--enable-sandbox', '--enable-seccomp', '--cidr', '--enable-ipv6'],
  ...['--outbound-addr', '--outbound-addr6'],
];
const without = (...lacking: string[]): Set<string> => new Set(ALL.filter((flag) => !lacking.includes(flag)));
const NETNS = '/run/user/1000/rnetns/default/rootless-netns/rootless-netns';
const FACTS: Slirp4netnsFacts = { options: [], netnsPath: NETNS, features: new Set(ALL) };
const END = ['-c', '-r', '3', '--netns-type=path', NETNS, 'tap0'];
const ADDRESSES = { address: '10.0.2.100', gateway: '10.0.2.2', dns: '10.0.2.3' };

const NOTHING = {
  cidr: undefined,
  mtu: undefined,
  enableIpv6: undefined,
  allowHostLoopback: undefined,
  outboundAddr: undefined,
  outboundAddr6: undefined,
  portHandler: undefined,
};

describe('driver/slirp4netns: parseSlirp4netnsOptions', () => {
  for (const [options, expected] of [
    [[], {}],
    [['cidr=192.168.0.0/25', 'cidr=10.1.0.0/16'], { cidr: '10.1.0.0/16' }],
    [['mtu=68'], { mtu: 68 }],
    [['mtu=65521'], { mtu: 65521 }],
    [['enable_ipv6=false', 'allow_host_loopback=true'], { enableIpv6: false, allowHostLoopback: true }],
    [
      ['outbound_addr=192.0.2.2', 'outbound_addr6=2001:db8::2'],
      { outboundAddr: '192.0.2.2', outboundAddr6: '2001:db8::2' },
    ],
    [['outbound_addr=eth0.100', 'outbound_addr6=wlan0'], { outboundAddr: 'eth0.100', outboundAddr6: 'wlan0' }],
    [['port_handler=rootlesskit'], { portHandler: 'rootlesskit' }],
    [['port_handler=slirp4netns'], { portHandler: 'slirp4netns' }],
  ] as [string[], object][]) {
    it(`reads ${JSON.stringify(options)}`, () => {
      expect(parseSlirp4netnsOptions(options)).to.deep.equal({ ...NOTHING, ...expected });
    });
  }

  for (const option of [
    ...[
      'cidr=10.0.2.0',
      'cidr=10.0.2.0/26',
      'cidr=10.0.0.0/0',
      'cidr=10.0.2.5/24',
      'cidr=fd00::/64',
      'cidr=10.0.2.0/024',
    ],
    ...['cidr=127.0.0.0/8', 'cidr=224.0.0.0/8', 'cidr=0.0.0.0/8', 'cidr=x/24', 'cidr='],
    ...['mtu=67', 'mtu=65522', 'mtu=1e3', 'mtu=-1', 'mtu=', 'mtu=1500 '],
    ...['enable_ipv6=yes', 'enable_ipv6=', 'allow_host_loopback=TRUE', 'port_handler=none'],
    ...[
      'outbound_addr=2001:db8::1',
      'outbound_addr=1.2.3.999',
      'outbound_addr=a/b',
      'outbound_addr=',
      'outbound_addr=..',
    ],
    ...['outbound_addr6=192.0.2.1', 'outbound_addr6=fe80::1%eth0', 'outbound_addr6=interface-name-16'],
  ]) {
    it(`refuses ${option} and shows it`, () => {
      expect(() => parseSlirp4netnsOptions([option]))
        .to.throw(RnetnsError, option)
        .with.property('code', 'ERR_CONFIG');
    });
  }

  for (const option of ['colour=red', 'mtu', '=1', '', 'MTU=1500', 'constructor=x', '__proto__=x']) {
    it(`refuses ${JSON.stringify(option)} and lists what there is`, () => {
      expect(() => parseSlirp4netnsOptions([option])).to.throw(
        RnetnsError,
        'cidr, mtu, enable_ipv6, allow_host_loopback, outbound_addr, outbound_addr6, port_handler',
      );
    });
  }

  it('refuses outbound_addr6 when IPv6 is off', () => {
    expect(() => parseSlirp4netnsOptions(['outbound_addr6=eth0', 'enable_ipv6=false'])).to.throw(RnetnsError, 'IPv6');
  });
});

describe('driver/slirp4netns: planSlirp4netns', () => {
  const SAFE = ['--disable-host-loopback'];
  const BOXED = ['--enable-sandbox', '--enable-seccomp'];
  for (const [name, facts, args, rest] of [
    ['nothing set', {}, [...SAFE, '--mtu=65520', ...BOXED, '--enable-ipv6'], {}],
    [
      'a version that can be given a MAC address: always the same, and so its IPv6 address',
      { features: new Set([...ALL, '--macaddress']) },
      [...SAFE, '--mtu=65520', ...BOXED, '--enable-ipv6', '--macaddress=02:00:0a:00:02:64'],
      {},
    ],
    [
      'everything set',
      {
        options: [
          ...['cidr=10.1.2.128/25', 'mtu=1400', 'enable_ipv6=true', 'allow_host_loopback=true'],
          ...['outbound_addr=eth0', 'outbound_addr6=2001:db8::2', 'port_handler=rootlesskit'],
        ],
        quiet: true,
      },
      [
        ...['--mtu=1400', ...BOXED, '--cidr=10.1.2.128/25', '--enable-ipv6'],
        ...['--outbound-addr=eth0', '--outbound-addr6=2001:db8::2'],
      ],
      { address: '10.1.2.228', gateway: '10.1.2.130', dns: '10.1.2.131', mtu: 1400 },
    ],
    [
      'IPv6 turned off',
      { options: ['enable_ipv6=false', 'allow_host_loopback=false'] },
      [...SAFE, '--mtu=65520', ...BOXED],
      { ipv6: false },
    ],
    [
      'an old binary: what nobody asked for is left out',
      {
        features: without(
          '--mtu',
          '--enable-sandbox',
          '--enable-seccomp',
          '--enable-ipv6',
          '--cidr',
          '--outbound-addr',
        ),
      },
      SAFE,
      { mtu: 1500, ipv6: false },
    ],
    [
      'an old binary and a host that may be reached',
      { options: ['allow_host_loopback=true'], features: without('--disable-host-loopback') },
      ['--mtu=65520', ...BOXED, '--enable-ipv6'],
      {},
    ],
  ] as [string, Partial<Slirp4netnsFacts>, string[], object][]) {
    it(name, () => {
      expect(planSlirp4netns({ ...FACTS, ...facts })).to.deep.equal({
        args: [...args, ...END],
        ...ADDRESSES,
        mtu: 65520,
        ipv6: true,
        ...rest,
      });
    });
  }

  for (const [options, lacking] of [
    [[], '--disable-host-loopback'],
    [['allow_host_loopback=false'], '--disable-host-loopback'],
    [['mtu=65520'], '--mtu'],
    [['cidr=10.0.2.0/24'], '--cidr'],
    [['enable_ipv6=true'], '--enable-ipv6'],
    [['outbound_addr6=eth0'], '--enable-ipv6'],
    [['outbound_addr=eth0'], '--outbound-addr'],
    [['outbound_addr6=eth0'], '--outbound-addr6'],
  ] as [string[], string][]) {
    it(`refuses a binary without ${lacking} for [${options.join()}]`, () => {
      expect(() => planSlirp4netns({ ...FACTS, options, features: without(lacking) }))
        .to.throw(RnetnsError, lacking)
        .with.property('code', 'ERR_DRIVER');
    });
  }

  it('counts three different addresses of any network it accepts', () => {
    const cidr = fc.tuple(fc.integer({ min: 1, max: 25 }), fc.nat(2 ** 32 - 1)).map(([prefix, bits]) => {
      const network = bits - (bits % 2 ** (32 - prefix));
      return `${[24, 16, 8, 0].map((shift) => (network >>> shift) & 255).join('.')}/${prefix}`;
    });
    fc.assert(
      fc.property(cidr, (network) => {
        try {
          const { address, gateway, dns } = planSlirp4netns({ ...FACTS, options: [`cidr=${network}`] });
          expect(new Set([address, gateway, dns].filter((one) => isIPv4(one)))).to.have.lengthOf(3);
        } catch (error) {
          expect(error).to.be.instanceOf(RnetnsError).with.property('code', 'ERR_CONFIG');
        }
      }),
    );
  });

  it('never throws anything but ERR_CONFIG for options', () => {
    const keys = ['cidr', 'mtu', 'enable_ipv6', 'outbound_addr', 'outbound_addr6', 'port_handler', 'x'];
    const option = fc.oneof(
      fc.string(),
      fc.tuple(fc.constantFrom(...keys), fc.string()).map(([key, value]) => `${key}=${value}`),
    );
    fc.assert(
      fc.property(fc.array(option, { maxLength: 3 }), (options) => {
        try {
          parseSlirp4netnsOptions(options);
        } catch (error) {
          expect(error).to.be.instanceOf(RnetnsError).with.property('code', 'ERR_CONFIG');
        }
      }),
    );
  });
});
