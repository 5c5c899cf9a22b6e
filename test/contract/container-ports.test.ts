/** Ports of containers on the host, by each way of attaching one: from the host's loopback, its own address and another machine. */

import { expect } from 'chai';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pluginDirectory } from '../fixtures/cni/shared.js';

import { Containers, configureNetworks } from '../fixtures/oci.js';
import { printed } from '../fixtures/netns-facts.js';
import { forwarderPids, SERVER, type Published } from '../fixtures/ports.js';
import { FAR, privateHost, type PrivateHost } from '../fixtures/private-host.js';
import { commandLine, processesMentioning, stopNow, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, type Background, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { killNow } from '../fixtures/shared-netns.js';

/** The host, and another machine on its only link; nothing of the real one's ports, which other tests have. */
const HOST = `
${FAR}
ip addr add 192.0.2.1/24 dev up0; ip addr add 2001:db8::1/64 dev up0 nodad
ip -n far addr add 192.0.2.2/24 dev up1; ip -n far addr add 2001:db8::2/64 dev up1 nodad
ip link set up0 up; ip -n far link set up1 up; ip -n far link set lo up
ip route add default via 192.0.2.2
`;

/** Ask TCP and UDP of each ADDRESS for the client that the server sees; `-` for what doesn't answer. */
const ASK = `
import socket, sys
for address in sys.argv[2:]:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        s.settimeout(1)
        try:
            s.connect((address, int(sys.argv[1])))
            s.sendall(b"who\\n")
            print((s.recv(99).split() or [b"-"])[0].decode(), end=" ")
        except OSError: print("-", end=" ")
`;

const LOOPBACKS = ['127.0.0.1', '::1'];
const ADDRESSES = ['192.0.2.1', '2001:db8::1'];

interface Given {
  runtime: RuntimeDir;
  host: PrivateHost;
}

async function fresh(context: Mocha.Context, driver = 'pasta', network: object = {}, more = ''): Promise<Given> {
  const runtime = freshRuntimeDir(context);
  runtime.configure(`[network]\ndefault_rootless_network_cmd = ${driver}\n${more}[rnetns]\nlinger = 0\n`);
  configureNetworks(runtime, network as Record<string, object>);
  return { runtime, host: await privateHost(runtime, HOST, { net: true }) };
}

async function succeed({ host }: Given, args: string[], input?: object): Promise<string> {
  const { status, stdout, stderr } = await call(host, args, input);
  expect({ status, stderr }, `${args.join(' ')}: ${stdout}`).to.deep.equal({ status: 0, stderr: '' });
  return stdout;
}

const call = (host: PrivateHost, args: string[], input?: object): Promise<RunResult> =>
  host.run(args, { timeoutMs: 60_000, ...(input === undefined ? {} : { input: JSON.stringify(input) }) });

/** As a runtime calls the plugin of type rnetns, with a port for the container `web`. */
async function asPlugin({ host, runtime }: Given, command: string, mapping: object): Promise<RunResult> {
  const ipam = { type: 'host-local', ranges: [[{ subnet: '10.88.3.0/24' }]] };
  const config = {
    ...{ cniVersion: '1.0.0', name: 'net', type: 'rnetns', runtimeConfig: { portMappings: [mapping] } },
    delegate: [{ type: 'bridge', bridge: 'br3', isGateway: true, ipam }],
  };
  const env = {
    ...runtime.env,
    ...{ CNI_COMMAND: command, CNI_CONTAINERID: 'web', CNI_IFNAME: 'eth0', CNI_PATH: '/usr/lib/cni' },
    CNI_NETNS: join(runtime.dir, 'netns', 'web'),
  };
  return host.run(['cni', 'plugin'], { env, input: JSON.stringify(config) });
}

/** A server of TCP and UDP on a port of a container. */
async function serve({ host }: Given, netns: string, port = 80): Promise<Background> {
  const server = host.spawn(['netns', 'exec', netns, '--', 'python3', '-c', SERVER, '::', String(port)]);
  await printed(server, 'up\n');
  return server;
}

/** What a client of the host sees at these addresses, and one of the other machine. */
async function seen({ host }: Given, port: number, from: 'host' | 'far', addresses: string[]): Promise<string[]> {
  const enter = from === 'host' ? 'exec' : 'exec ip netns exec far';
  return (await host.sh(`${enter} python3 -c "$@"`, [ASK, String(port), ...addresses])).split(' ').filter(Boolean);
}

/** All of them answer, TCP and UDP, as clients of that address. */
async function answers(given: Given, port: number, who: string, hosts = [...LOOPBACKS, ...ADDRESSES]): Promise<void> {
  const far = hosts.filter((address) => ADDRESSES.includes(address));
  expect(await seen(given, port, 'host', hosts)).to.deep.equal(hosts.flatMap(() => [who, who]));
  expect(await seen(given, port, 'far', far)).to.deep.equal(far.flatMap(() => [who, who]));
}

/** None does, within the second that is promised, on a machine that may be busy. */
async function silent(given: Given, port: number): Promise<void> {
  await waitFor(async () => (await seen(given, port, 'host', LOOPBACKS)).every((who) => who === '-'), {
    timeoutMs: 5000,
    what: `port ${port} to close`,
  });
  expect(await seen(given, port, 'far', ADDRESSES)).to.deep.equal(['-', '-', '-', '-']);
}

async function listed({ host }: Given): Promise<(Published & { attachment: object | null })[]> {
  return JSON.parse((await host.run(['port', 'list', '--json'])).stdout) as (Published & {
    attachment: object | null;
  })[];
}

const mapping = (hostPort: number, more: object = {}): object[] =>
  ['tcp', 'udp'].map((protocol) => ({ hostPort, containerPort: 80, protocol, ...more }));
const capability = (...mappings: object[]): string[] => ['--capability', JSON.stringify({ portMappings: mappings })];

describe('the ports of a container, by CNI', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'slirp4netns', 'ip', 'cni-plugins', 'python3');
  });

  for (const driver of ['pasta', 'slirp4netns', 'none']) {
    it(`are open to the host and to others as long as it is attached; driver ${driver}`, async function () {
      const given = await fresh(this, driver);
      await succeed(given, ['netns', 'add', 'web']);
      const server = await serve(given, 'web');
      const add = ['cni', 'add', 'rnetns', 'id-web', 'web'];
      await succeed(given, [...add, ...capability(...mapping(8080), ...mapping(8081, { hostIP: '127.0.0.1' }))]);
      await answers(given, 8080, '10.89.0.1');
      await answers(given, 8081, '10.89.0.1', ['127.0.0.1']);
      expect(await seen(given, 8081, 'host', ['::1', ...ADDRESSES])).to.deep.equal(Array(6).fill('-'));
      // By the plugin's rules, and not by ours.
      expect(await succeed(given, ['run', '--', 'python3', '-c', ASK, '8080', '10.89.0.1'])).to.equal(
        '10.89.0.1 10.89.0.1 ',
      );
      const ports = await listed(given);
      expect(ports.map(({ owner, attachment }) => ({ owner, attachment }))).to.deep.equal(
        Array(4).fill({
          owner: { kind: 'reference', id: 'id-web', pid: null },
          attachment: { network: 'rnetns', interface: 'eth0' },
        }),
      );
      const { ports: inStatus } = JSON.parse(await succeed(given, ['status', '--json'])) as { ports: object[] };
      expect(inStatus).to.deep.equal(ports);
      await succeed(given, ['cni', 'del', 'rnetns', 'id-web', 'web']);
      expect(await listed(given)).to.deep.equal([]);
      await silent(given, 8080);
      server.child.kill('SIGKILL');
    });
  }
});

describe('a port of a container', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'cni-plugins', 'python3');
  });

  it('leads to its address of the family of the host’s; another network of its asks for it without an error', async function () {
    const second = { plugins: [{ type: 'ptp', ipam: { type: 'host-local', subnet: '10.88.2.0/24' } }] };
    const given = await fresh(this, 'none', { second });
    await succeed(given, ['netns', 'add', 'web']);
    await serve(given, 'web');
    const ports = capability(...mapping(8080), ...mapping(8081, { hostIP: '2001:db8::1' }));
    await succeed(given, ['cni', 'add', 'rnetns', 'web', 'web', ...ports]);
    // IPv6 addresses are of use when nobody else on the bridge has them (RFC 4862, 5.4).
    await waitFor(async () => !(await seen(given, 8081, 'host', ['2001:db8::1'])).includes('-'), { what: 'IPv6' });
    await answers(given, 8081, 'fd72:6e65:746e::1', ['2001:db8::1']);
    // Without a plugin for ports.
    await succeed(given, ['cni', 'add', 'second', 'web', 'web', '--ifname', 'eth1', ...ports]);
    const known = await listed(given);
    expect(known).to.have.length(4);
    await succeed(given, ['cni', 'del', 'second', 'web', '--ifname', 'eth1']);
    expect(await listed(given)).to.deep.equal(known);
    await answers(given, 8080, '10.89.0.1');
    await succeed(given, ['cni', 'del', 'rnetns', 'web']);
    expect(await listed(given)).to.deep.equal([]);
    await succeed(given, ['cni', 'add', 'second', 'web', 'web', '--ifname', 'eth1', ...ports]);
    // That of its end of the pair: ptp has no bridge.
    await answers(given, 8080, '10.88.2.1');
    await succeed(given, ['port', 'delete', '--id', 'web']);
    expect(await listed(given)).to.deep.equal([]);
    await succeed(given, ['cni', 'del', 'second', 'web', '--ifname', 'eth1']);
    await succeed(given, ['netns', 'delete', 'web']);
  });

  it('goes with the reference, with the process that is its owner, with gc, and with the namespace', async function () {
    const given = await fresh(this, 'none');
    const { host } = given;
    const ports = capability(...mapping(8080));
    await succeed(given, ['netns', 'add', 'web']);
    await serve(given, 'web');
    const add = (): Promise<string> => succeed(given, ['cni', 'add', 'rnetns', 'web', 'web', ...ports]);
    await add();
    await answers(given, 8080, '10.89.0.1');
    expect((await host.run(['teardown', '--id', 'web'])).status).to.equal(0);
    await silent(given, 8080);
    await succeed(given, ['cni', 'gc', 'rnetns']);
    await add();
    // From now on the reference is a process's.
    const owner = host.spawn(['unshare', '--', 'sh', '-c', 'echo up; exec sleep 600']);
    await printed(owner, 'up\n');
    await succeed(given, ['setup', '--id', 'web', '--pid', String(owner.pid)]);
    await answers(given, 8080, '10.89.0.1');
    owner.child.kill('SIGKILL');
    await silent(given, 8080);
    await succeed(given, ['cni', 'gc', 'rnetns']);
    await add();
    await answers(given, 8080, '10.89.0.1');
    await succeed(given, ['stop', '--force']);
    expect(await seen(given, 8080, 'host', LOOPBACKS)).to.deep.equal(['-', '-', '-', '-']);
  });

  it('that cannot be had fails the add with a code of CNI, before anything is made; the plugin of type rnetns says the same', async function () {
    const given = await fresh(this, 'none');
    const { host } = given;
    const taken = host.spawn('unshare -- busybox nc -ll -p 8080 -e true'.split(' '));
    await waitFor(async () => (await host.sh('cat /proc/net/tcp6 /proc/net/tcp')).includes(':1F90 '), {
      what: 'port 8080',
    });
    await succeed(given, ['netns', 'add', 'web']);
    const before = await host.sh(
      'cd "$XDG_RUNTIME_DIR/rnetns/default" && find references tied counted var netns 2>/dev/null || :',
    );
    const nothing = async (what: string): Promise<void> => {
      expect(await succeed(given, ['netns', 'exec', 'web', 'ip', '-brief', 'link']), what).to.not.include('eth0');
      expect(
        await host.sh(
          'cd "$XDG_RUNTIME_DIR/rnetns/default" && find references tied counted var netns 2>/dev/null || :',
        ),
        what,
      ).to.equal(before);
      expect(await listed(given), what).to.deep.equal([]);
    };
    const one = { hostPort: 8080, containerPort: 80, protocol: 'tcp' };
    for (const [mapping, code, words] of [
      [one, 5, /^cannot publish \*:8080\/tcp: it is in use by \S+ \(pid \d+\)$/],
      [{ ...one, hostPort: 8081, hostIP: '192.0.2.77' }, 5, /the host has no address 192.0.2.77$/],
      [{ ...one, protocol: 'sctp' }, 2, /^portMappings\[0\].protocol must be tcp or udp: SCTP cannot be forwarded/],
      [{ ...one, hostPort: 70000 }, 2, /^portMappings\[0\].hostPort must be 1 to 65535, not 70000$/],
    ] as const) {
      const { status, stderr } = await call(host, [
        'cni',
        'add',
        'rnetns',
        'web',
        'web',
        '--json',
        ...capability(mapping),
      ]);
      expect(status).to.equal(125);
      const { error } = JSON.parse(stderr) as {
        error: { code: string; message: string; cni: { code: number; msg: string } };
      };
      expect(error.code).to.equal('ERR_CNI');
      expect(error.message).to.match(/^adding eth0 of web to network rnetns failed: /);
      expect(error.cni.code).to.equal(code);
      expect(error.cni.msg).to.match(words);
      await nothing(error.message);
      const plugin = await asPlugin(given, 'ADD', mapping);
      expect(plugin.status).to.equal(1);
      const answer = JSON.parse(plugin.stdout) as { code: number; msg: string; details: string };
      expect(answer).to.include({ code });
      expect(answer.msg).to.match(words);
      expect(answer.details).to.match(/adding eth0 of web to network net failed; hint: /);
      await nothing(answer.msg);
    }
    // Whoever calls from another network would have no use for a port of this one.
    const far = await host.sh('ip netns exec far "$@" 2>&1 || :', [
      ...[launcher, 'cni', 'add', 'rnetns', 'web', 'web', ...capability({ ...one, hostPort: 8081 })],
    ]);
    expect(far).to.match(/failed: cannot publish ports from another network than .*\nhint: a runtime with a network/);
    await nothing('from another network');
    await serve(given, 'web');
    expect((await asPlugin(given, 'ADD', { ...one, hostPort: 8081 })).status).to.equal(0);
    await waitFor(async () => (await seen(given, 8081, 'far', ['192.0.2.1']))[0] === '10.88.3.1', {
      what: 'an answer',
    });
    expect((await asPlugin(given, 'DEL', { ...one, hostPort: 8081 })).status).to.equal(0);
    expect(await listed(given)).to.deep.equal([]);
    taken.child.kill('SIGKILL');
  });

  for (const how of ['is taken on the host meanwhile', 'is there when the caller is killed'] as const) {
    it(`${how}: nothing of it is left`, async function () {
      const plugins = pluginDirectory(
        'slow',
        `
        cat >/dev/null
        [ "$CNI_COMMAND" = ADD ] || exit 0
        : >"$(dirname "$0")/waits"
        while [ -e "$(dirname "$0")/waits" ]; do sleep 0.05; done
        printf %s '{"cniVersion":"1.0.0","ips":[{"address":"10.88.9.2/24"}]}'`,
      );
      const given = await fresh(
        this,
        'none',
        { slow: { plugins: [{ type: 'slow' }] } },
        `cni_plugin_dirs[] = ${plugins}\n`,
      );
      const { host } = given;
      await succeed(given, ['netns', 'add', 'web']);
      const adder = host.spawn(['cni', 'add', 'slow', 'web', 'web', ...capability(...mapping(8080).slice(0, 1))]);
      await waitFor(() => existsSync(join(plugins, 'waits')), { what: 'the plugin' });
      if (how === 'is taken on the host meanwhile') {
        const taken = host.spawn('unshare -- busybox nc -ll -p 8080 -e true'.split(' '));
        await waitFor(async () => (await host.sh('cat /proc/net/tcp6 /proc/net/tcp')).includes(':1F90 '), {
          what: 'port 8080',
        });
        rmSync(join(plugins, 'waits'));
        expect((await adder.ended).status).to.equal(125);
        expect(adder.stderr()).to.match(/adding eth0 of web to network slow failed: cannot publish .*in use by/);
        taken.child.kill('SIGKILL');
      } else {
        // The shell inside is stopped, so that it can't say that it has heard the verdict.
        const session = processesMentioning(given.runtime.mark).filter((pid) =>
          commandLine(pid).includes('cni-session.sh'),
        );
        await Promise.all(session.map(stopNow));
        rmSync(join(plugins, 'waits'));
        await waitFor(async () => (await listed(given))[0]?.problem === null, { what: 'the port' });
        await Promise.all([adder.pid, ...session].map((pid) => killNow(pid)));
        await silent(given, 8080);
        await succeed(given, ['cni', 'gc', 'slow']);
      }
      expect(await listed(given)).to.deep.equal([]);
      expect(await succeed(given, ['cni', 'list'])).to.not.include(' web ');
      const { references } = JSON.parse(await succeed(given, ['status', '--json'])) as { references: { id: string }[] };
      expect(references.map(({ id }) => id)).to.deep.equal(['netns:web']);
    });
  }

  it('is there again within a second when the forwarder, the driver or the supervisor was killed', async function () {
    const given = await fresh(this);
    const { runtime } = given;
    await succeed(given, ['netns', 'add', 'web']);
    await serve(given, 'web');
    await succeed(given, ['cni', 'add', 'rnetns', 'web', 'web', ...capability(...mapping(8080))]);
    // Of one that has just been killed status knows nothing, or no pid, for a moment.
    const pids = async (): Promise<Record<string, number | undefined>> => {
      const { driver, supervisor } = JSON.parse(await succeed(given, ['status', '--json'])) as Record<
        string,
        { pid?: number } | null
      >;
      return { driver: driver?.pid, supervisor: supervisor?.pid, forwarder: forwarderPids(runtime)[0] };
    };
    for (const part of ['forwarder', 'driver', 'supervisor']) {
      await killNow((await pids())[part] ?? 0);
      const begin = performance.now();
      await waitFor(async () => (await seen(given, 8080, 'far', ['192.0.2.1'])).every((who) => who === '10.89.0.1'), {
        timeoutMs: 5000,
        what: `an answer after the death of the ${part}`,
      });
      console.log(`      back ${(performance.now() - begin).toFixed(0)} ms after the death of the ${part}`);
      await waitFor(async () => Object.values(await pids()).every(Boolean), { what: 'all parts' });
    }
    await succeed(given, ['cni', 'del', 'rnetns', 'web']);
  });
});

const NETWORK_ID = '1'.repeat(64);

/** What podman gives to netavark. */
function request(container: string, ports: object[], interfaceName = 'eth0'): object {
  return {
    container_id: `id-${container}`,
    container_name: container,
    networks: { net1: { interface_name: interfaceName } },
    network_info: {
      net1: {
        ...{ name: 'net1', id: NETWORK_ID, driver: 'bridge', network_interface: 'podman9' },
        subnets: [
          { subnet: '10.89.5.0/24', gateway: '10.89.5.1' },
          { subnet: 'fd00:5::/64', gateway: 'fd00:5::1' },
        ],
        ...{ ipv6_enabled: true, internal: false, dns_enabled: false },
      },
    },
    port_mappings: ports,
  };
}

const netavarkMapping = (hostPort: number, more: object = {}): object[] =>
  ['tcp', 'udp'].map((protocol) => ({
    container_port: 80,
    host_port: hostPort,
    host_ip: '',
    range: 1,
    protocol,
    ...more,
  }));

describe('the ports of a container, by netavark', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'slirp4netns', 'ip', 'netavark', 'python3');
  });

  for (const driver of ['pasta', 'slirp4netns']) {
    it(`are open to the host and to others from setup to teardown; driver ${driver}`, async function () {
      const given = await fresh(this, driver);
      await succeed(given, ['netns', 'add', 'web']);
      await serve(given, 'web');
      await serve(given, 'web', 81);
      const options = request('web', [
        ...netavarkMapping(8080, { range: 2 }),
        ...netavarkMapping(9090, { host_ip: '127.0.0.1' }),
      ]);
      await succeed(given, ['netavark', 'setup', 'web'], options);
      await answers(given, 8080, '10.89.5.1');
      await answers(given, 8081, '10.89.5.1');
      await answers(given, 9090, '10.89.5.1', ['127.0.0.1']);
      expect(await seen(given, 9090, 'far', ADDRESSES)).to.deep.equal(['-', '-', '-', '-']);
      const ports = await listed(given);
      expect(ports).to.have.length(6);
      for (const { owner, attachment } of ports) {
        expect({ owner, attachment }).to.deep.equal({
          owner: { kind: 'reference', id: 'id-web', pid: null },
          attachment: { network: NETWORK_ID, interface: 'eth0' },
        });
      }
      await succeed(given, ['netavark', 'teardown', 'web'], options);
      for (const port of [8080, 8081, 9090]) await silent(given, port);
      expect(await listed(given)).to.deep.equal([]);
      await succeed(given, ['netns', 'delete', 'web']);
    });
  }

  it('that cannot be had fail the setup as netavark fails, before anything is made', async function () {
    const given = await fresh(this, 'none');
    const { host } = given;
    const refused = async (words: RegExp, options: object, status = 125): Promise<void> => {
      const result = await call(host, ['netavark', 'setup', '/proc/self/ns/net'], options);
      expect(result.status, result.stderr).to.equal(status);
      expect((JSON.parse(result.stdout) as { error: string }).error).to.match(words);
      expect(await host.sh('ls "$XDG_RUNTIME_DIR/rnetns" 2>/dev/null || :')).to.equal('');
    };
    await host.sh('busybox nc -ll -p 8080 -e true 2>/dev/null & echo $! >$XDG_RUNTIME_DIR/.nc; sleep 0.5');
    await refused(
      /cannot publish \*:8080\/tcp: it is in use by busybox \(pid \d+\); hint: /,
      request('web', netavarkMapping(8080)),
    );
    await host.sh('kill $(cat $XDG_RUNTIME_DIR/.nc); rm $XDG_RUNTIME_DIR/.nc');
    await refused(
      /the host has no address 192.0.2.77/,
      request('web', netavarkMapping(8080, { host_ip: '192.0.2.77' })),
    );
    await refused(
      /port_mappings\[0\]\.protocol must be tcp or udp: SCTP cannot be forwarded/,
      request('web', netavarkMapping(8080, { protocol: 'sctp' })),
      2,
    );
    await refused(
      /port_mappings\[0\]\.range 2 ports end beyond 65535/,
      request('web', netavarkMapping(65535, { range: 2 })),
      2,
    );
    await refused(/port_mappings\[0\]\.host_port must be 1 to 65535/, request('web', [{ container_port: 80 }]), 2);
    await refused(
      /asked for twice/,
      request('web', [...netavarkMapping(80), ...netavarkMapping(80, { container_port: 81 })]),
    );
  });

  it('are another container’s: the second setup is refused, and leaves nothing; podman’s are its own', async function () {
    const given = await fresh(this, 'none');
    const { host } = given;
    for (const name of ['web', 'db']) await succeed(given, ['netns', 'add', name]);
    await serve(given, 'web');
    const [web, db] = ['web', 'db'].map((name) => request(name, netavarkMapping(8080)));
    await succeed(given, ['netavark', 'setup', 'web'], web);
    const { status, stdout } = await call(host, ['netavark', 'setup', 'db'], db);
    expect(status).to.equal(125);
    const { error } = JSON.parse(stdout) as { error: string };
    expect(error).to.include('published already as *:8080/tcp, for the container id-web on the network 1111');
    expect(await succeed(given, ['netns', 'exec', 'db', 'ip', '-brief', 'link'])).to.not.include('eth0');
    await answers(given, 8080, '10.89.5.1');
    // podman's own forwarder has the port, and it may have been told of a second one as well.
    await succeed(given, ['netavark', '--rootless=true', 'setup', 'db'], db);
    expect(await listed(given)).to.have.length(2);
    await succeed(given, ['netavark', '--rootless=true', 'teardown', 'db'], db);
    await answers(given, 8080, '10.89.5.1');
    await succeed(given, ['netavark', 'teardown', 'web'], web);
    for (const name of ['web', 'db']) await succeed(given, ['netns', 'delete', name]);
  });
});

describe('the ports of a container, by the OCI hook', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins', 'jq', 'crun', 'curl');
  });

  it('are those of its annotation, for as long as crun runs it', async function () {
    const given = await fresh(this);
    const { host, runtime } = given;
    const containers = new Containers(runtime, 'crun', host);
    await containers.make('web', ['sh', '-c', 'httpd -p 80 -h /www; echo listening; exec sleep 60']);
    const publish = (ports: string): void =>
      containers.edit('web', (config) => {
        config.annotations = { ...config.annotations, 'rnetns.ports': ports };
      });
    publish('8080:80, 127.0.0.1:8081:80');
    const web = containers.spawn('web');
    await printed(web, 'listening\n');
    const curl = (...from: string[]): Promise<string> =>
      host.sh(`for url; do ${from.join(' ')} curl -sg --max-time 5 "$url" || echo no; done`, [
        ...['127.0.0.1:8080', '[::1]:8080', '192.0.2.1:8080', '[2001:db8::1]:8080', '127.0.0.1:8081', '192.0.2.1:8081'],
      ]);
    const hello = 'hello from web\n';
    expect(await curl()).to.equal(`${hello.repeat(5)}no\n`);
    expect(await curl('ip netns exec far')).to.equal(`no\nno\n${hello.repeat(2)}no\nno\n`);
    expect((await listed(given)).map(({ owner }) => owner.id)).to.deep.equal(['web', 'web']);
    await containers.call('kill', 'web', 'KILL');
    await web.ended;
    expect(await curl()).to.equal('no\n'.repeat(6));
    for (const [ports, words] of [
      ['8080:10.1.2.3:80', /8080:10.1.2.3:80.*names an address inside/],
      ['8080:80/sctp', /SCTP/],
      ['192.0.2.77:8080:80', /the host has no address 192.0.2.77/],
      ['8080:80,127.0.0.1:8080:81', /asked for twice/],
    ] as const) {
      publish(ports);
      const { status } = await containers.run('web');
      expect(status, ports).to.not.equal(0);
      const log = '"$XDG_RUNTIME_DIR/rnetns-oci-hook.log"';
      expect(await host.sh(`cat ${log}; rm ${log}`), ports).to.match(words);
      expect(containers.known(), ports).to.deep.equal([]);
      // That of `unshare` goes when it is used no more.
      await waitFor(async () => (await host.sh('ls "$XDG_RUNTIME_DIR/rnetns" 2>/dev/null || :')) === '', {
        what: ports,
      });
    }
  });
});
