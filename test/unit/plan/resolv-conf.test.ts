import { expect } from 'chai';
import fc from 'fast-check';
import { RnetnsError } from '../../../src/errors/error.js';
import {
  chooseHostResolvConf,
  parseResolvConf,
  planResolvConf,
  type ResolvConfFacts,
} from '../../../src/plan/resolv-conf.js';

const COMMENT = '# Made by rnetns for this network namespace; changes are lost.\n';
const FACTS: ResolvConfFacts = {
  host: '',
  forwarders: [],
  ipv6: true,
  dnsServers: [],
  dnsSearches: [],
  dnsOptions: [],
};
const HOST = 'search a.example b.example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\noptions ndots:2 edns0\n';

describe('plan/resolv-conf: parseResolvConf', () => {
  for (const [name, text, expected] of [
    ['nothing', '', { nameservers: [], searches: [], options: [] }],
    [
      'a usual file',
      HOST,
      {
        nameservers: ['192.0.2.53', '2001:db8::53'],
        searches: ['a.example', 'b.example'],
        options: ['ndots:2', 'edns0'],
      },
    ],
    [
      'comments, whole and at the end',
      '# nameserver 192.0.2.1\n; nameserver 192.0.2.2\nnameserver 192.0.2.3 # three\nsearch x.example ;y\noptions rotate#z\n',
      { nameservers: ['192.0.2.3'], searches: ['x.example'], options: ['rotate'] },
    ],
    [
      'the last search, domain and options line wins',
      'search a.example\ndomain b.example c.example\noptions one\noptions two three',
      { nameservers: [], searches: ['b.example'], options: ['two', 'three'] },
    ],
    ['an empty line of options', 'options one\noptions\n', { nameservers: [], searches: [], options: [] }],
    [
      'garbage, tabs and carriage returns',
      'nameserver\nnameserver dns.example\nnameserver 300.1.1.1\nnameserver192.0.2.9\n\tnameserver\t192.0.2.1 192.0.2.2\r\nsortlist 1.2.3.4\n\0',
      { nameservers: ['192.0.2.1'], searches: [], options: [] },
    ],
    [
      'a scoped server is kept for whoever asks',
      'nameserver fe80::1%eth0',
      { nameservers: ['fe80::1%eth0'], searches: [], options: [] },
    ],
  ] as const) {
    it(name, () => expect(parseResolvConf(text)).to.deep.equal(expected));
  }
});

describe('plan/resolv-conf: chooseHostResolvConf', () => {
  const RESOLVED = 'nameserver 192.0.2.1\n';
  const MANAGER = 'nameserver 192.0.2.2\n';
  const choose = (host: string | undefined, others: Record<string, string> = {}): string =>
    chooseHostResolvConf((path) => (path === '/etc/resolv.conf' ? host : others[path]));
  const BOTH = {
    '/run/systemd/resolve/resolv.conf': RESOLVED,
    '/run/NetworkManager/no-stub-resolv.conf': MANAGER,
  };

  for (const [name, host, others, expected] of [
    ['ordinary servers', HOST, BOTH, HOST],
    ["systemd-resolved's stub", 'nameserver 127.0.0.53\noptions edns0\n', BOTH, RESOLVED],
    ['a stub without the real file', 'nameserver 127.0.0.53\n', {}, 'nameserver 127.0.0.53\n'],
    ['NetworkManager with dnsmasq', 'nameserver 127.0.0.1\n', BOTH, MANAGER],
    ['another local resolver', 'nameserver 127.0.0.54\n', BOTH, 'nameserver 127.0.0.54\n'],
    [
      'a stub and a real server',
      'nameserver 127.0.0.53\nnameserver 192.0.2.9\n',
      BOTH,
      'nameserver 127.0.0.53\nnameserver 192.0.2.9\n',
    ],
    ['no file', undefined, BOTH, ''],
  ] as const) {
    it(name, () => expect(choose(host, others)).to.equal(expected));
  }
});

describe('plan/resolv-conf: planResolvConf', () => {
  for (const [name, facts, nameservers, rest] of [
    [
      'forwarders before the host’s servers',
      { host: HOST, forwarders: ['169.254.1.1'] },
      ['169.254.1.1', '192.0.2.53', '2001:db8::53'],
      ['search a.example b.example', 'options ndots:2 edns0'],
    ],
    [
      'settings before forwarders; they replace the host’s search and options',
      {
        host: HOST,
        forwarders: ['10.0.2.3'],
        dnsServers: ['192.0.2.7'],
        dnsSearches: ['c.example'],
        dnsOptions: ['x'],
      },
      ['192.0.2.7', '10.0.2.3', '192.0.2.53', '2001:db8::53'],
      ['search c.example', 'options x'],
    ],
    [
      'no IPv6: none of its servers, but for those of the settings',
      { host: HOST, ipv6: false, forwarders: ['fd00::3', '10.0.2.3'], dnsServers: ['2001:db8::7'] },
      ['2001:db8::7', '10.0.2.3', '192.0.2.53'],
      ['search a.example b.example', 'options ndots:2 edns0'],
    ],
    [
      'duplicates in any spelling, loopback and link-local servers; the settings’ resolver inside stays',
      {
        host: [
          'nameserver 127.0.0.1',
          'nameserver ::1',
          'nameserver 0.0.0.0',
          'nameserver fe80::1',
          'nameserver fe80::1%eth0',
          'nameserver 2001:db8::1%eth0',
          'nameserver 2001:DB8:0::53',
          'nameserver 2001:db8::53',
          'nameserver 192.0.2.53',
          'nameserver ::ffff:127.0.0.1',
        ].join('\n'),
        forwarders: ['192.0.2.53'],
        dnsServers: ['127.0.0.5'],
      },
      ['127.0.0.5', '192.0.2.53', '2001:DB8:0::53'],
      [],
    ],
    ['none left: public ones', { host: 'nameserver 127.0.0.53', ipv6: false }, ['8.8.8.8', '8.8.4.4'], []],
    [
      'none left, with IPv6',
      { host: 'nameserver ::1' },
      ['8.8.8.8', '8.8.4.4', '2001:4860:4860::8888', '2001:4860:4860::8844'],
      [],
    ],
    ['none left, and nothing public', { host: 'nameserver ::1', dnsFallback: 'none' }, [], []],
    [
      'a forwarder is enough: nothing public (container-libs 43)',
      { host: 'nameserver 127.0.0.53', forwarders: ['169.254.1.1'] },
      ['169.254.1.1'],
      [],
    ],
    [
      'a search of `.` unsets the host’s',
      { host: HOST, dnsSearches: ['c.example', '.'] },
      ['192.0.2.53', '2001:db8::53'],
      ['options ndots:2 edns0'],
    ],
    ['the host’s own `search .`', { host: 'search .\nnameserver 192.0.2.1' }, ['192.0.2.1'], []],
  ] as [string, Partial<ResolvConfFacts>, string[], string[]][]) {
    it(name, () => {
      const search = rest.filter((line) => line.startsWith('search'));
      const options = rest.filter((line) => line.startsWith('options'));
      const lines = [...search, ...nameservers.map((server) => `nameserver ${server}`), ...options];
      const content = `${COMMENT}${lines.map((line) => `${line}\n`).join('')}`;
      expect(planResolvConf({ ...FACTS, ...facts })).to.deep.equal({ content, nameservers });
    });
  }

  for (const [name, facts] of [
    ['a server that is no address', { dnsServers: ['dns.example'] }],
    ['a server on the network of an interface', { dnsServers: ['fe80::1%eth0'] }],
    ['a search of two words', { dnsSearches: ['a b'] }],
    ['an option with a line of its own', { dnsOptions: ['x\nnameserver 192.0.2.66'] }],
  ] as [string, Partial<ResolvConfFacts>][]) {
    it(`refuses ${name}`, () => {
      expect(() => planResolvConf({ ...FACTS, ...facts }))
        .to.throw(RnetnsError)
        .with.property('code', 'ERR_CONFIG');
    });
  }

  it('makes of any host file one that reads back the same, with servers that work inside', () => {
    const server = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('127.0.0.1', '::1', 'fe80::1%eth0', 'x'));
    const line = fc.oneof(
      fc.string(),
      server.map((one) => `nameserver ${one}`),
      fc.constantFrom('search a b', 'search .', 'options x', '#'),
    );
    const host = fc.array(line).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(host, fc.array(server), fc.boolean(), (text, forwarders, ipv6) => {
        const { content, nameservers } = planResolvConf({ ...FACTS, host: text, forwarders, ipv6 });
        expect(content.startsWith(COMMENT) && content.endsWith('\n')).to.equal(true);
        expect(nameservers).to.not.be.empty;
        expect(parseResolvConf(content).nameservers).to.deep.equal(nameservers);
        expect(nameservers.filter((one) => /^127\.|^::1$|%/.test(one) || (!ipv6 && one.includes(':')))).to.be.empty;
        expect(planResolvConf({ ...FACTS, host: content, ipv6 })).to.deep.equal({ content, nameservers });
      }),
    );
  });
});
