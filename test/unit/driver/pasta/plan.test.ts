import { expect } from 'chai';
import fc from 'fast-check';
import { RnetnsError } from '../../../../src/errors/error.js';
import type { WaysOut } from '../../../../src/plan/default-route.js';
import { parsePastaOptions } from '../../../../src/driver/pasta/options.js';
import { planPasta, type PastaFacts } from '../../../../src/driver/pasta/plan.js';

const NETNS = '/run/user/1000/rnetns/default/rootless-netns/rootless-netns';
const NEW = new Set(['--map-guest-addr']);
const FACTS: PastaFacts = { options: [], netnsPath: NETNS, quiet: true, features: NEW };

const FORWARD4 = ['--dns-forward', '169.254.1.1'];
const FORWARD = [...FORWARD4, '--dns-forward', 'fd72:6e65:746e:73::53'];
const PORTS = ['-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none'];
const REST = ['--no-map-gw', '--quiet'];
const OWN = ['--foreground', '--pid', '/proc/self/fd/1', '--netns', NETNS];
const MAP = ['--map-guest-addr', '169.254.1.2'];
const DNS4 = ['169.254.1.1'];
const DNS = [...DNS4, 'fd72:6e65:746e:73::53'];
const BOTH = { ipv4: true, ipv6: true };
const ONLY4 = { ipv4: true, ipv6: false };
const GUEST = ['169.254.1.2'];

describe('driver/pasta', () => {
  for (const [name, facts, args, dnsForward = DNS, mapGuestAddr = GUEST, families = BOTH] of [
    ['nothing set', {}, [...FORWARD, ...PORTS, ...REST, ...OWN, ...MAP]],
    ['an old pasta', { features: new Set() }, [...FORWARD, ...PORTS, ...REST, ...OWN], DNS, []],
    ['debug', { quiet: false }, [...FORWARD, ...PORTS, '--no-map-gw', ...OWN, ...MAP]],
    [
      'the settings’ options, then the caller’s',
      { options: ['--mtu', '1400', '-I', 'tap0'], extraOptions: ['-D', '192.0.2.53', '-i', 'eth0'] },
      [
        ...['--mtu', '1400', '-I', 'tap0', '-D', '192.0.2.53', '-i', 'eth0'],
        ...[...FORWARD, ...PORTS, ...REST, ...OWN, ...MAP],
      ],
    ],
    [
      'every form of the port options',
      { options: ['-t8080', '--udp-ports=53', '-4qT', 'auto'], extraOptions: ['--udp-ns', '53'] },
      ['-t8080', '--udp-ports=53', '-4qT', 'auto', '--udp-ns', '53', ...FORWARD4, '--no-map-gw', ...OWN, ...MAP],
      DNS4,
      GUEST,
      ONLY4,
    ],
    [
      'abbreviations, as getopt_long takes them',
      { options: ['--tcp-p', '80', '--dns-f', '192.0.2.9'] },
      [
        ...['--tcp-p', '80', '--dns-f', '192.0.2.9', '-u', 'none', '-T', 'none', '-U', 'none'],
        ...[...REST, ...OWN, ...MAP],
      ],
      ['192.0.2.9'],
    ],
    [
      'values that look like options are values',
      { options: ['--hostname', '--map-gw', '-H', '-t', '--fqdn=-u', '-l-T'] },
      ['--hostname', '--map-gw', '-H', '-t', '--fqdn=-u', '-l-T', ...FORWARD, ...PORTS, ...REST, ...OWN, ...MAP],
    ],
    ['--map-gw', { options: ['--map-gw'] }, [...FORWARD, ...PORTS, '--quiet', ...OWN, ...MAP]],
    [
      '--no-map-gw',
      { options: ['--no-map-gw'], extraOptions: ['--map-gw'] },
      ['--no-map-gw', ...FORWARD, ...PORTS, '--quiet', ...OWN, ...MAP],
    ],
    [
      'a --trace of the user’s keeps --quiet away',
      { options: ['--trace'] },
      ['--trace', ...FORWARD, ...PORTS, '--no-map-gw', ...OWN, ...MAP],
    ],
    [
      '--dns-forward twice, in both forms',
      { options: ['--dns-forward', '192.0.2.9', '--dns-forward=fd00::9'] },
      ['--dns-forward', '192.0.2.9', '--dns-forward=fd00::9', ...PORTS, ...REST, ...OWN, ...MAP],
      ['192.0.2.9', 'fd00::9'],
    ],
    [
      '--dns-forward none, which pasta itself refuses, undoes those before it',
      { options: ['--dns-forward', '192.0.2.9', '--dns-forward=none'] },
      [...PORTS, ...REST, ...OWN, ...MAP],
      [],
    ],
    [
      '--map-guest-addr of the user’s, even with an old pasta, which will say so',
      { options: ['--map-guest-addr=192.0.2.8', '--map-guest-addr', 'fd00::8'], features: new Set() },
      ['--map-guest-addr=192.0.2.8', '--map-guest-addr', 'fd00::8', ...FORWARD, ...PORTS, ...REST, ...OWN],
      DNS,
      ['192.0.2.8', 'fd00::8'],
    ],
    [
      '--map-guest-addr none',
      { options: ['--map-guest-addr', '192.0.2.8', '--map-guest-addr', 'none'] },
      ['--map-guest-addr', '192.0.2.8', '--map-guest-addr', 'none', ...FORWARD, ...PORTS, ...REST, ...OWN],
      DNS,
      [],
    ],
    [
      'options newer than our list, with and without a value',
      { options: ['--brand-new', 'x', '--newer', '-Z', '-4'] },
      ['--brand-new', 'x', '--newer', '-Z', '-4', ...FORWARD4, ...PORTS, ...REST, ...OWN, ...MAP],
      DNS4,
      GUEST,
      ONLY4,
    ],
    [
      '--netns-only changes nothing, so it may stay',
      { options: ['--netns-only'] },
      ['--netns-only', ...FORWARD, ...PORTS, ...REST, ...OWN, ...MAP],
    ],
    [
      'IPv6 alone: only its forwarder',
      { options: ['-6'] },
      ['-6', '--dns-forward', 'fd72:6e65:746e:73::53', ...PORTS, ...REST, ...OWN, ...MAP],
      ['fd72:6e65:746e:73::53'],
      GUEST,
      { ipv4: false, ipv6: true },
    ],
  ] as [string, Partial<PastaFacts>, string[], string[]?, string[]?, WaysOut?][]) {
    it(name, () => {
      const expected = { args: ['--config-net', ...args], dnsForward, mapGuestAddr, families };
      expect(planPasta({ ...FACTS, ...facts })).to.deep.equal(expected);
    });
  }

  it('takes another descriptor to be ready on', () => {
    expect(planPasta({ ...FACTS, readyFd: 2 }).args).to.include('/proc/self/fd/2');
  });

  for (const [options, named] of [
    [['-f'], '--foreground'],
    [['-4f'], '--foreground'],
    [['--foreg'], '--foreground'],
    [['-P', '/tmp/x'], '--pid'],
    [['--pid=/tmp/x'], '--pid'],
    [['--netns', '/x'], '--netns'],
    [['--netn=/x'], '--netns'],
    [['--userns', '/x'], '--userns'],
    [['--fd', '3'], '--fd'],
    [['-h'], '--help'],
    [['--version'], '--version'],
    [['--mtu'], '--mtu'],
    [['-4t'], '-4t'],
    [['--mtu', '1400', 'sh'], 'sh'],
    [['--map-gw', '1'], '1'],
    [['--map-gw=1'], '--map-gw=1'],
    [['--', 'sh'], '--'],
    [['-'], '-'],
    [[''], '""'],
    [['--dns-forward', 'dns.example'], 'dns.example'],
    [['--map-guest-addr='], '--map-guest-addr'],
  ] as [string[], string][]) {
    it(`refuses ${JSON.stringify(options)} and names ${named}`, () => {
      expect(() => planPasta({ ...FACTS, options }))
        .to.throw(RnetnsError, named)
        .with.property('code', 'ERR_CONFIG');
    });
  }

  it('never loses a word, and never throws anything but ERR_CONFIG', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom('-t', '-4q', '-t80', '--mtu', '--mtu=1', '--map-gw', '--dns-forward', '--x', 'none', '10.0.0.1'),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (options) => {
        try {
          expect(parsePastaOptions(options).flatMap(({ words }) => words)).to.deep.equal(options);
          const { args } = planPasta({ ...FACTS, options });
          expect(args.slice(-9)).to.include.members(['--foreground', '--pid', '--netns', NETNS]);
        } catch (error) {
          expect(error).to.be.instanceOf(RnetnsError).with.property('code', 'ERR_CONFIG');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
