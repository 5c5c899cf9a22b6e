import { expect } from 'chai';
import { planHostPart, type HostPartFacts } from '../../../src/plan/host-part.js';

const OURS = { ipv4: '169.254.1.1', ipv6: 'fd72::53' };
const STUB = '/run/systemd/resolve/resolv.conf';
const lines = (...servers: string[]): string => servers.map((server) => `nameserver ${server}\n`).join('');

function plan(files: Record<string, string>, more: Partial<HostPartFacts> = {}) {
  return planHostPart({
    readText: (path) => files[path],
    driver: { path: '/usr/bin/pasta', dnsForward: [OURS.ipv4, OURS.ipv6], mapGuest: ['169.254.1.2'] },
    ours: OURS,
    readsServersOnce: true,
    asked: ['192.0.2.53'],
    addresses: ['198.51.100.2'],
    settings: { dnsServers: [], dnsSearches: [], dnsOptions: [], dnsFallback: 'public' },
    ...more,
  });
}

/** Name servers and redirects, or why what was there stays. */
function namesOf(files: Record<string, string>, more: Partial<HostPartFacts> = {}): unknown {
  const { names } = plan(files, more);
  if (names.kept !== undefined) return names.kept;
  const servers = [...names.content.matchAll(/^nameserver (\S+)$/gm)].map(([, server]) => server);
  return [servers.join(' '), ...names.redirects.map(({ from, to }) => `${from} to ${to}`)];
}

const now = (...servers: string[]) => ({ '/etc/resolv.conf': lines(...servers) });

describe('planHostPart', () => {
  it('keeps the forwarder as long as the host names the server that it asks', () => {
    expect(namesOf(now('192.0.2.53'))).to.deep.equal(['169.254.1.1 192.0.2.53']);
    expect(namesOf(now('192.0.2.54', '192.0.2.53'))).to.deep.equal(['169.254.1.1 192.0.2.54 192.0.2.53']);
  });

  it('leaves it out, and redirects it, when the host does not', () => {
    expect(namesOf(now('192.0.2.54'))).to.deep.equal(['192.0.2.54', '169.254.1.1 to 192.0.2.54']);
    // The driver asks the first of its family alone.
    const asked = ['2001:db8::53', '192.0.2.53', '192.0.2.54'];
    expect(namesOf(now('192.0.2.54'), { asked })).to.deep.equal(['192.0.2.54', '169.254.1.1 to 192.0.2.54']);
  });

  it('redirects to a server of the same family, or not at all', () => {
    const addresses = ['198.51.100.2', '2001:db8:1::2'];
    const asked = ['192.0.2.53'];
    expect(namesOf(now('2001:db8::54'), { addresses, asked })).to.deep.equal(['2001:db8::54']);
    expect(namesOf(now('2001:db8::54'), { addresses, asked: ['2001:0db8::53'] })).to.deep.equal([
      '2001:db8::54',
      'fd72::53 to 2001:db8::54',
    ]);
    // The same address by another spelling.
    expect(namesOf(now('2001:db8:0::53'), { addresses, asked: ['2001:db8::53'] })).to.deep.equal([
      'fd72::53 2001:db8:0::53',
    ]);
  });

  it('asks a resolver on the loopback as long as the host does, and those behind it when it has come since', () => {
    const files = { '/etc/resolv.conf': lines('127.0.0.53'), [STUB]: lines('192.0.2.54') };
    expect(namesOf(files, { asked: ['127.0.0.53'] })).to.deep.equal(['169.254.1.1 192.0.2.54']);
    expect(namesOf(files)).to.deep.equal(['192.0.2.54', '169.254.1.1 to 192.0.2.54']);
    expect(namesOf(now('192.0.2.53'), { asked: ['127.0.0.53'] })).to.deep.equal([
      '192.0.2.53',
      '169.254.1.1 to 192.0.2.53',
    ]);
  });

  it('leaves what was there where it cannot follow', () => {
    expect(namesOf({})).to.match(/can't be read/);
    expect(namesOf(now())).to.match(/names no server/);
    expect(namesOf({ '/etc/resolv.conf': lines('192.0.2.54').repeat(5000) })).to.match(/has \d+ bytes/);
    expect(namesOf(now('127.0.0.1'))).to.match(/127.0.0.1.*only a driver that starts now/);
  });

  it('follows where nothing was and nothing is: a host without name servers', () => {
    expect(namesOf(now(), { asked: [] })).to.deep.equal(['169.254.1.1']);
    expect(namesOf(now('192.0.2.54'), { asked: [] })).to.deep.equal(['192.0.2.54', '169.254.1.1 to 192.0.2.54']);
  });

  it('never takes the forwarder from a driver that follows by itself', () => {
    const more = { readsServersOnce: false, ours: undefined };
    const driver = { path: '/usr/bin/slirp4netns', dnsForward: ['10.0.2.3'], mapGuest: [] };
    expect(namesOf(now('192.0.2.54'), { ...more, driver })).to.deep.equal(['10.0.2.3 192.0.2.54']);
  });

  it('asks servers of the settings first, and nothing public in place of what is gone', () => {
    const settings = { dnsServers: ['203.0.113.1'], dnsSearches: [], dnsOptions: [], dnsFallback: 'public' } as const;
    expect(namesOf(now('127.0.0.1'), { settings })).to.deep.equal(['203.0.113.1']);
  });

  it('knows nothing of what asked when nobody has noted it, and then keeps the forwarder', () => {
    expect(namesOf(now('192.0.2.54'), { asked: undefined })).to.deep.equal(['169.254.1.1 192.0.2.54']);
  });
});
