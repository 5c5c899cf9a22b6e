/** Every option of the drivers does in the namespace what it says, and a bad one is refused before anything is made. */

import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { requires } from '../fixtures/requirements.js';
import { PLAIN_SHELL, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { statusOf } from '../fixtures/netns-facts.js';

const pastaConf = (...options: string[]): string =>
  ['[network]', 'default_rootless_network_cmd = pasta', ...options.map((option) => `pasta_options[] = ${option}`)].join(
    '\n',
  );
const slirpConf = (...options: string[]): string =>
  [
    '[network]',
    'default_rootless_network_cmd = slirp4netns',
    '[engine]',
    ...options.map((option) => `network_cmd_options[] = ${option}`),
  ].join('\n');

/** The settings in place, what a command inside prints; the namespace stays for a look at its status. */
async function inside(runtime: RuntimeDir, conf: string, ...command: string[]): Promise<string> {
  runtime.configure(`${conf}\n[rnetns]\nlinger = 60\n`);
  const { status, stdout, stderr } = await run(['run', '--', ...command], { env: runtime.env });
  expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  return stdout;
}

/** Of the one interface that isn't lo. */
const mtuOf = (text: string): string | undefined => /^\d+: (?!lo:).* mtu (\d+)/m.exec(text)?.[1];

describe('options of the drivers', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'slirp4netns');
  });

  for (const [name, conf] of [
    ['--mtu of pasta', pastaConf('--mtu', '1400')],
    ['-m1400 of pasta', pastaConf('-m1400')],
    ['mtu of slirp4netns', slirpConf('mtu=1400')],
  ] as const) {
    it(`${name} is the MTU of the interface`, async function () {
      const runtime = freshRuntimeDir(this);
      expect(mtuOf(await inside(runtime, conf, 'ip', '-o', 'link'))).to.equal('1400');
    });
  }

  it('without an MTU, the interface has 65520 with either driver', async function () {
    const runtime = freshRuntimeDir(this);
    expect(mtuOf(await inside(runtime, pastaConf(), 'ip', '-o', 'link'))).to.equal('65520');
    await run(['stop'], { env: runtime.env });
    expect(mtuOf(await inside(runtime, slirpConf(), 'ip', '-o', 'link'))).to.equal('65520');
  });

  it('cidr of slirp4netns changes address, gateway and DNS server', async function () {
    const runtime = freshRuntimeDir(this);
    const words = await inside(
      runtime,
      slirpConf('cidr=192.168.200.0/24', 'enable_ipv6=false'),
      ...[
        PLAIN_SHELL,
        '-c',
        'ip -4 -o addr show scope global; ip route show default; grep nameserver /etc/resolv.conf',
      ],
    );
    expect(words)
      .to.include('192.168.200.100/24')
      .and.include('via 192.168.200.2')
      .and.include('nameserver 192.168.200.3');
    const { addresses, dnsForwardIps, nameservers } = await statusOf(runtime.env);
    expect({ addresses, dnsForwardIps }).to.deep.equal({
      addresses: ['192.168.200.100'],
      dnsForwardIps: ['192.168.200.3'],
    });
    expect(nameservers?.[0]).to.equal('192.168.200.3');
  });

  for (const value of [true, false]) {
    it(`enable_ipv6=${String(value)} of slirp4netns: the namespace has ${value ? 'an' : 'no'} IPv6 address`, async function () {
      const runtime = freshRuntimeDir(this);
      await inside(runtime, slirpConf(`enable_ipv6=${String(value)}`), 'true');
      const { addresses } = await statusOf(runtime.env);
      expect(addresses?.some((address) => address.includes(':'))).to.equal(value);
      expect(addresses).to.include('10.0.2.100');
    });
  }

  it('port_handler of slirp4netns is accepted, and told to have no effect', async function () {
    const { env, configure } = freshRuntimeDir(this);
    configure(slirpConf('port_handler=rootlesskit'));
    const { status, stderr } = await run(['run', '--', 'true'], { env });
    expect(status).to.equal(0);
    expect(stderr).to.match(/^\S+ rnetns warn: port_handler=rootlesskit .* has no effect: [^\n]+\n$/);
  });

  it('outbound_addr and outbound_addr6 of slirp4netns are accepted', async function () {
    const runtime = freshRuntimeDir(this);
    await inside(runtime, slirpConf('outbound_addr=127.0.0.1', 'outbound_addr6=::1'), 'true');
    const { driver } = await statusOf(runtime.env);
    expect(driver?.args).to.include('--outbound-addr=127.0.0.1').and.include('--outbound-addr6=::1');
  });

  it('--ipv4-only of pasta: the namespace has no IPv6 address', async function () {
    const runtime = freshRuntimeDir(this);
    await inside(runtime, pastaConf('--ipv4-only'), 'true');
    const { addresses } = await statusOf(runtime.env);
    expect(addresses).to.have.lengthOf(1);
    expect(addresses?.[0]).to.match(/^\d+\.\d+\.\d+\.\d+$/);
  });

  it('--address, --netmask and --gateway of pasta are those inside', async function () {
    const runtime = freshRuntimeDir(this);
    const options = ['-4', '--address', '10.44.0.7', '--netmask', '24', '--gateway', '10.44.0.1'];
    const words = await inside(runtime, pastaConf(...options), PLAIN_SHELL, '-c', 'ip -4 -o addr; ip route');
    expect(words).to.include('10.44.0.7/24').and.include('default via 10.44.0.1');
    expect((await statusOf(runtime.env)).addresses).to.deep.equal(['10.44.0.7']);
  });

  it('--ns-ifname of pasta names the interface', async function () {
    const runtime = freshRuntimeDir(this);
    expect(await inside(runtime, pastaConf('--ns-ifname', 'uplink7'), 'ip', '-o', 'link')).to.match(/ uplink7: /);
  });

  it('--dns-forward of pasta replaces the forwarder', async function () {
    const runtime = freshRuntimeDir(this);
    const words = await inside(runtime, pastaConf('--dns-forward', '169.254.7.7'), 'cat', '/etc/resolv.conf');
    expect(/^nameserver (\S+)$/m.exec(words)?.[1]).to.equal('169.254.7.7');
    expect((await statusOf(runtime.env)).dnsForwardIps).to.deep.equal(['169.254.7.7']);
  });

  for (const [what, conf, text] of [
    ['an unknown option of slirp4netns', slirpConf('colour=red'), /colour=red/],
    ['a small mtu of slirp4netns', slirpConf('mtu=67'), /mtu=67.*68/],
    ['a word as mtu of slirp4netns', slirpConf('mtu=big'), /mtu=big/],
    ['a cidr without a length', slirpConf('cidr=10.0.2.0'), /cidr=10\.0\.2\.0/],
    ['a cidr that is too small', slirpConf('cidr=10.0.2.0/26'), /cidr=10\.0\.2\.0\/26/],
    ['a bad enable_ipv6', slirpConf('enable_ipv6=maybe'), /enable_ipv6=maybe/],
    ['a bad allow_host_loopback', slirpConf('allow_host_loopback=1'), /allow_host_loopback=1/],
    ['an IPv6 address as outbound_addr', slirpConf('outbound_addr=::1'), /outbound_addr=::1/],
    ['an IPv4 address as outbound_addr6', slirpConf('outbound_addr6=10.0.0.1'), /outbound_addr6=10\.0\.0\.1/],
    ['a bad port_handler', slirpConf('port_handler=magic'), /port_handler=magic/],
    ['--netns of pasta, which is ours', pastaConf('--netns', '/tmp/x'), /--netns/],
    ['--pid of pasta, which is ours', pastaConf('-P', '/tmp/x'), /--pid/],
    ['a word that is no option of pasta', pastaConf('hello'), /hello/],
    ['an option of pasta without its value', pastaConf('--mtu'), /--mtu.*value/],
    ['a bad --dns-forward of pasta', pastaConf('--dns-forward', 'here'), /--dns-forward.*here/],
  ] as const) {
    it(`${what} is refused, and nothing is made`, async function () {
      const { env, configure, stateDir } = freshRuntimeDir(this);
      configure(conf);
      const { status, stdout, stderr } = await run(['run', '--', 'echo', 'ran'], { env });
      expect({ status, stdout }).to.deep.equal({ status: 125, stdout: '' });
      expect(stderr)
        .to.match(/^rnetns: .+/)
        .and.match(text);
      expect(existsSync(stateDir())).to.be.false;
      const planned = await run(['plan', '--json'], { env });
      expect(planned.status).to.equal(125);
      expect((JSON.parse(planned.stderr) as { error: { code: string } }).error.code).to.equal('ERR_CONFIG');
    });
  }

  it('an option that pasta itself refuses is told in its own words, and nothing is left', async function () {
    const { env, configure, stateDir } = freshRuntimeDir(this);
    configure(pastaConf('--no-such-option'));
    const { status, stderr } = await run(['run', '--', 'true'], { env });
    expect(status).to.equal(125);
    expect(stderr)
      .to.match(/^rnetns: .*pasta.*status 1/)
      .and.include('no-such-option');
    expect(existsSync(stateDir())).to.be.false;
  });
});
