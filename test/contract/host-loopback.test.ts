/** The host's own loopback is closed to the namespace with every driver, unless it is opened by a setting. */

import { expect } from 'chai';
import { LEAD_OUT } from '../../src/doctor/loopback.js';
import { requires } from '../fixtures/requirements.js';
import { gatewayIn, printed } from '../fixtures/netns-facts.js';
import { PLAIN_SHELL, run, spawnRnetns } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { tcpServer, udpServer } from '../fixtures/servers.js';

/** Tries every address at once and prints a line for each: the address, and what was heard. */
const TRY = `
port=$1 udp=$2; shift 2
for address; do
  (
    heard=$(timeout 2 bash -c 'exec 3<>"/dev/tcp/$1/$2" && cat <&3' bash "$address" "$port" 2>/dev/null)
    echo "tcp $address \${heard:-nothing}"
  ) &
  (
    heard=$(timeout 2 bash -c 'exec 3<>"/dev/udp/$1/$2" && echo hello >&3 && head -c 7 <&3' bash "$address" "$udp" 2>/dev/null)
    echo "udp $address \${heard:-nothing}"
  ) &
done
wait`;

/** The IPv4 gateway of the namespace, if it has one. */
async function findGateway(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const inside = spawnRnetns(['run', '--', 'sh', '-c', 'echo up; exec sleep 60'], { env });
  await printed(inside, 'up\n');
  const gateway = gatewayIn(inside.pid);
  inside.child.kill();
  await inside.ended;
  return gateway;
}

function lines(protocols: string[], addresses: string[], heard: string): string[] {
  return protocols.flatMap((protocol) => addresses.map((address) => `${protocol} ${address} ${heard}`)).sort();
}

describe('a service on the loopback of the host', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'slirp4netns');
  });

  for (const driver of ['pasta', 'slirp4netns', 'none']) {
    it(`cannot be reached with ${driver} by any address`, async function () {
      const { env, configure } = freshRuntimeDir(this);
      configure(`[network]\ndefault_rootless_network_cmd = ${driver}\n`);
      const [tcp, udp] = [await tcpServer(), await udpServer()];
      const gateway = await findGateway(env);
      const addresses = [
        ...new Set(['127.0.0.1', '169.254.1.2', '10.0.2.2', ...(gateway === undefined ? [] : [gateway])]),
      ];
      expect(gateway === undefined).to.equal(driver === 'none');
      const ports = [tcp.port, udp.port].map(String);
      const { stdout } = await run(['run', '--', PLAIN_SHELL, '-c', TRY, 'sh', ...ports, ...addresses], { env });
      expect(stdout.trim().split('\n').sort()).to.deep.equal(lines(['tcp', 'udp'], addresses, 'nothing'));
      expect({ tcp: tcp.arrivals(), udp: udp.arrivals() }).to.deep.equal({ tcp: 0, udp: 0 });
    });

    if (driver !== 'none') {
      it(`is reached with ${driver} by root inside who changes the routes only where doctor says so`, async function () {
        const { env, configure } = freshRuntimeDir(this);
        configure(`[network]\ndefault_rootless_network_cmd = ${driver}\n`);
        const [tcp, udp] = [await tcpServer(), await udpServer()];
        const ports = [tcp.port, udp.port].map(String);
        const attack = ['sh', '-c', LEAD_OUT, 'sh', 'sh', '-c', TRY, 'sh', ...ports, '127.0.0.1'];
        const { stdout } = await run(['run', '--', ...attack], { env });
        const { stdout: report } = await run(['doctor', '--json', '--check', driver], { env });
        const { checks } = JSON.parse(report) as { checks: { status: string; detail: string }[] };
        const isOpen = stdout.includes('tcp 127.0.0.1') && !stdout.includes('tcp 127.0.0.1 nothing');
        expect(checks[0]?.detail.includes('root inside can reach'), checks[0]?.detail).to.equal(isOpen);
        expect(checks[0]?.status).to.equal(isOpen ? 'warn' : 'ok');
        expect(tcp.arrivals() > 0).to.equal(isOpen);
      });
    }

    it(`cannot be reached with ${driver} by any IPv6 address`, async function () {
      const { env, configure } = freshRuntimeDir(this);
      configure(`[network]\ndefault_rootless_network_cmd = ${driver}\n`);
      const [tcp, udp] = [await tcpServer('reached', '::1'), await udpServer('reached', '::1')];
      const route = await run(
        ['run', '--', PLAIN_SHELL, '-c', 'ip -6 route show default | grep -o "via [^ ]*" | cut -c5-'],
        {
          env,
        },
      );
      const addresses = ['::1', 'fd00::2', 'fd00::3', ...route.stdout.split('\n').filter((line) => line !== '')];
      const ports = [tcp.port, udp.port].map(String);
      const all = [...new Set(addresses)];
      const { stdout } = await run(['run', '--', PLAIN_SHELL, '-c', TRY, 'sh', ...ports, ...all], { env });
      expect(stdout.trim().split('\n').sort()).to.deep.equal(lines(['tcp', 'udp'], all, 'nothing'));
      expect({ tcp: tcp.arrivals(), udp: udp.arrivals() }).to.deep.equal({ tcp: 0, udp: 0 });
    });
  }

  it('is reached at 10.0.2.2 with allow_host_loopback=true of slirp4netns', async function () {
    const { env, configure } = freshRuntimeDir(this);
    configure(
      '[network]\ndefault_rootless_network_cmd = slirp4netns\n[engine]\nnetwork_cmd_options[] = allow_host_loopback=true\n',
    );
    const [tcp, udp] = [await tcpServer(), await udpServer()];
    const ports = [tcp.port, udp.port].map(String);
    const { stdout } = await run(['run', '--', PLAIN_SHELL, '-c', TRY, 'sh', ...ports, '10.0.2.2'], { env });
    expect(stdout.trim().split('\n').sort()).to.deep.equal(['tcp 10.0.2.2 reached', 'udp 10.0.2.2 reached']);
  });

  it('is reached at the address of the gateway with --map-gw of pasta', async function () {
    const { env, configure } = freshRuntimeDir(this);
    configure('[network]\ndefault_rootless_network_cmd = pasta\npasta_options[] = --map-gw\n');
    const [tcp, udp] = [await tcpServer(), await udpServer()];
    const gateway = (await findGateway(env))!;
    const ports = [tcp.port, udp.port].map(String);
    const { stdout } = await run(['run', '--', PLAIN_SHELL, '-c', TRY, 'sh', ...ports, gateway], { env });
    expect(stdout.trim().split('\n').sort()).to.deep.equal([`tcp ${gateway} reached`, `udp ${gateway} reached`]);
  });

  for (const [what, ini, address] of [
    [
      'slirp4netns',
      'default_rootless_network_cmd = slirp4netns\n[engine]\nnetwork_cmd_options[] = allow_host_loopback=true',
      'fd00::2',
    ],
    ['pasta', 'default_rootless_network_cmd = pasta\npasta_options[] = --map-gw', undefined],
  ] as const) {
    it(`is reached by IPv6 as well where ${what} opens it`, async function () {
      const { env, configure } = freshRuntimeDir(this);
      configure(`[network]\n${ini}\n`);
      const tcp = await tcpServer('reached', '::1');
      const script = 'ip -6 route show default | sed -n "s/.* via \\([^ ]*\\).*/\\1/p"';
      const gateway = address ?? (await run(['run', '--', PLAIN_SHELL, '-c', script], { env })).stdout.trim();
      if (gateway === '') return this.skip(); // a host without IPv6
      const { stdout } = await run(['run', '--', PLAIN_SHELL, '-c', TRY, 'sh', String(tcp.port), '9', gateway], {
        env,
      });
      expect(stdout).to.include(`tcp ${gateway} reached`);
    });
  }
});
