/** Who is asked for names: never a public server in silence, and whom the settings name. */

import { expect } from 'chai';
import { printed } from '../fixtures/netns-facts.js';
import { privateHost, type PrivateHost } from '../fixtures/private-host.js';
import { expectRefused } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import type { Status } from '../../src/inspect/status.js';

const FORWARD6 = 'fd72:6e65:746e:73::53';
const PUBLIC = /8\.8\.8\.8|2001:4860/;
const LINK = 'ip link set lo up; ip link add up0 type veth peer name up1; ip link set up1 up; ip link set up0 up';
const IPV4 = 'ip addr add 198.51.100.2/24 dev up0; ip route add default via 198.51.100.1';
const IPV6 = 'ip addr add 2001:db8:1::2/64 dev up0 nodad; ip -6 route add default via 2001:db8:1::1';
const NO_FORWARD = ['--dns-forward', 'none'].map((word) => `pasta_options[] = ${word}\n`).join('');

const hostWith = async (runtime: RuntimeDir, network: string, resolvConf: string): Promise<PrivateHost> =>
  privateHost(
    runtime,
    `cover /etc\nrm -f /etc/resolv.conf\nprintf '${resolvConf}' >/etc/resolv.conf\n${LINK}\n${network}`,
    { net: true },
  );

/** A command inside that goes on; its resolv.conf. */
async function serversIn(host: PrivateHost): Promise<{ servers: string[]; stderr: string; status: Status }> {
  const inside = host.spawn(['run', '--', 'sh', '-c', 'cat /etc/resolv.conf; echo end; exec sleep 60']);
  const text = await printed(inside, 'end\n');
  const servers = [...text.matchAll(/^nameserver (\S+)$/gm)].map(([, server = '']) => server);
  const status = JSON.parse((await host.run(['status', '--json'])).stdout) as Status;
  return { servers, stderr: inside.stderr(), status };
}

describe('name servers', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip');
  });

  for (const [what, resolvConf] of [
    ['with a local server', 'nameserver 127.0.0.1\\n'],
    ['with a local server of IPv6', 'nameserver ::1\\n'],
    ['that names none', ''],
  ] as const) {
    it(`of a host with IPv6 alone, ${what}: the driver's forwarder, and no public one`, async function () {
      const runtime = freshRuntimeDir(this);
      const { servers, stderr, status } = await serversIn(await hostWith(runtime, IPV6, resolvConf));
      // A pasta of 2026 has IPv4 of its own there.
      const ipv4 = status.addresses?.some((address) => !address.includes(':')) === true && !resolvConf.includes('::1');
      expect(servers).to.deep.equal([ipv4 ? '169.254.1.1' : FORWARD6]);
      expect(stderr).to.not.match(PUBLIC);
      expect(status.publicNameservers).to.be.undefined;
    });
  }

  it('of a host with IPv6 alone: the forwarder leads to the one on its loopback', async function () {
    requires(this, 'python3');
    const runtime = freshRuntimeDir(this);
    const server = `import socket
s=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); s.bind(("::1",53))
while True:
  d,a=s.recvfrom(2000); s.sendto(d[:2]+b"\\x81\\x80"+d[4:],a)`;
    const host = await hostWith(
      runtime,
      `${IPV6}\nsetpriv --pdeathsig KILL python3 -c '${server}' >/dev/null 2>&1 &`,
      'nameserver ::1\\n',
    );
    const ask = `import socket
s=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); s.settimeout(2); s.connect(("${FORWARD6}",53))
for _ in range(4):
  try:
    s.send(b"\\x12\\x34\\x01\\0\\0\\1\\0\\0\\0\\0\\0\\0\\0\\0\\2\\0\\1"); print(s.recv(99)[:2].hex()); break
  except OSError as e: print(e)`;
    const { stdout } = await host.run(['run', '--', 'python3', '-c', ask]);
    expect(stdout).to.match(/^1234$/m);
  });

  it('of nobody: public ones are asked with a warning in run, status and doctor that names them', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure(`[network]\n${NO_FORWARD}`);
    const host = await hostWith(runtime, IPV4, 'nameserver 127.0.0.1\\n');
    const { servers, stderr, status } = await serversIn(host);
    expect(servers).to.deep.equal(['8.8.8.8', '8.8.4.4']);
    expect(stderr).to.match(/public.*8\.8\.8\.8 8\.8\.4\.4.*dns_fallback = none/);
    expect(status.publicNameservers).to.deep.equal(servers);
    expect((await host.run(['status'])).stdout).to.match(/problem .*public.*8\.8\.8\.8 8\.8\.4\.4/);
    const doctor = JSON.parse((await host.run(['doctor', '--json', '--check', 'dns'])).stdout) as {
      checks: { status: string; detail: string; hint: string }[];
    };
    expect(doctor.checks[0]).to.have.property('status', 'warn');
    expect(doctor.checks[0]?.detail).to.match(PUBLIC);
    expect(doctor.checks[0]?.hint).to.match(/dns_fallback/);
  });

  it('of nobody, with dns_fallback = none: none', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure(`[network]\ndns_fallback = none\n${NO_FORWARD}`);
    const { servers, stderr, status } = await serversIn(await hostWith(runtime, IPV4, 'nameserver 127.0.0.1\\n'));
    expect({ servers, stderr, nameservers: status.nameservers }).to.deep.equal({
      servers: [],
      stderr: '',
      nameservers: [],
    });
  });

  for (const server of ['127.0.0.1', '::1', '127.0.0.53']) {
    it(`dns_servers[] = ${server}, a resolver inside, is asked first`, async function () {
      const runtime = freshRuntimeDir(this);
      runtime.configure(`[network]\ndns_servers[] = ${server}\n`);
      const { stdout, stderr } = await run(['run', '--', 'cat', '/etc/resolv.conf'], { env: runtime.env });
      expect(/^nameserver (\S+)$/m.exec(stdout)?.[1]).to.equal(server);
      expect(stderr).to.equal('');
    });
  }

  it('dns_servers[] of IPv6 where the host has none: asked as they are, with a warning', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure('[network]\ndns_servers[] = 2001:db8::7\n');
    const { servers, stderr } = await serversIn(await hostWith(runtime, IPV4, 'nameserver 198.51.100.53\\n'));
    expect(servers[0]).to.equal('2001:db8::7');
    expect(stderr).to.match(/2001:db8::7.*no IPv6/);
  });

  for (const [what, settings, words] of [
    ['of IPv4 with -6 of pasta', 'dns_servers[] = 192.0.2.7\npasta_options[] = -6', /192\.0\.2\.7.*IPv4/],
    ['of IPv6 with -4 of pasta', 'dns_servers[] = 2001:db8::7\npasta_options[] = -4', /2001:db8::7.*IPv6/],
    [
      'of IPv6 with enable_ipv6=false of slirp4netns',
      'dns_servers[] = 2001:db8::7\ndefault_rootless_network_cmd = slirp4netns\n[engine]\nnetwork_cmd_options[] = enable_ipv6=false',
      /2001:db8::7.*IPv6/,
    ],
    ['on the network of an interface', 'dns_servers[] = fe80::1%eth0', /fe80::1%eth0/],
  ] as const) {
    it(`dns_servers[] ${what} is refused`, async function () {
      requires(this, 'slirp4netns');
      const runtime = freshRuntimeDir(this);
      runtime.configure(`[network]\n${settings}\n`);
      expectRefused(await run(['run', '--', 'true'], { env: runtime.env }), words);
    });
  }

  it('plan shows no IPv6 server with -4', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure('[network]\npasta_options[] = -4\n');
    const both = 'nameserver 127.0.0.1\\nnameserver 2001:db8::53\\nnameserver 198.51.100.53\\n';
    const host = await hostWith(runtime, `${IPV4}; ${IPV6}`, both);
    const { stdout } = await host.run(['plan', '--json']);
    const { resolvConf } = JSON.parse(stdout) as { resolvConf: { content: string } };
    const servers = [...resolvConf.content.matchAll(/^nameserver (\S+)$/gm)].map(([, server]) => server);
    expect(servers).to.deep.equal(['169.254.1.1', '198.51.100.53']);
    expect((await serversIn(host)).servers).to.deep.equal(servers);
  });
});
