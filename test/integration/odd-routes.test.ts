/** Hosts whose way out is none that every pasta can use: nothing is fatal, and what to do about it is said. */

import { expect } from 'chai';
import { hasDefaultRouteIn, printed } from '../fixtures/netns-facts.js';
import { privateHost, type PrivateHost } from '../fixtures/private-host.js';
import { requires } from '../fixtures/requirements.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import type { Graph } from '../../src/graph/graph.js';
import type { Status } from '../../src/inspect/status.js';

const LINK =
  'ip link set lo up; ip link add up0 type veth peer name up1; ip link set up1 up; ip addr add 198.51.100.2/24 dev up0; ip link set up0 up';

const ODD = [
  [
    'by a tun without a gateway',
    'ip link set lo up; ip tuntap add tun9 mode tun; ip link set tun9 up; ip addr add 10.9.0.2/24 dev tun9; ip route add default dev tun9',
    /default route by tun9 has no gateway/,
  ],
  [
    'with several next hops',
    `${LINK}; ip route add default nexthop via 198.51.100.1 dev up0 nexthop via 198.51.100.3 dev up0`,
    /several next hops/,
  ],
  [
    'in two halves',
    `${LINK}; ip route add 0.0.0.0/1 via 198.51.100.1; ip route add 128.0.0.0/1 via 198.51.100.1`,
    /no default route of its main table/,
  ],
  [
    'in the table of a rule',
    `${LINK}; ip route add default via 198.51.100.1 table 100; ip rule add from all lookup 100`,
    /no default route of its main table/,
  ],
] as const;

async function statusIn(host: PrivateHost): Promise<Status> {
  return JSON.parse((await host.run(['status', '--json'])).stdout) as Status;
}

describe('a host whose default route is', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'slirp4netns', 'ip');
  });

  for (const [what, setup, words] of ODD) {
    const interfaceName = setup.includes('tun9') ? 'tun9' : 'up0';

    it(`${what}: the namespace has a way out, by slirp4netns where pasta has none, and that is said`, async function () {
      const runtime = freshRuntimeDir(this);
      const host = await privateHost(runtime, setup, { net: true });
      const inside = host.spawn(['run', '--', 'sh', '-c', 'echo up; exec sleep 60']);
      await printed(inside, 'up\n');
      expect(hasDefaultRouteIn(inside.pid)).to.be.true;
      const { state, driver } = await statusIn(host);
      expect(state).to.equal('running');
      // A newer pasta can use some of them.
      if (driver?.name === 'slirp4netns') expect(inside.stderr()).to.match(words).and.to.include('taking slirp4netns');
      else expect(inside.stderr()).to.equal('');
      expect((await host.run(['run', '--', 'true'])).status).to.equal(0);
      const { stdout } = await host.run(['graph', '--json']);
      const { nodes } = JSON.parse(stdout) as Graph;
      expect(nodes.find(({ kind }) => kind === 'host')).to.deep.include({
        details: [{ label: 'default route', values: [interfaceName] }],
        health: 'ok',
      });
    });

    it(`${what}, and pasta is asked for: run works, and who can't use it and who can is said`, async function () {
      const runtime = freshRuntimeDir(this);
      runtime.configure('[network]\ndefault_rootless_network_cmd = pasta\n');
      const host = await privateHost(runtime, setup, { net: true });
      const inside = host.spawn(['run', '--', 'sh', '-c', 'echo up; exec sleep 60']);
      await printed(inside, 'up\n');
      const connected = hasDefaultRouteIn(inside.pid);
      const { state, driver } = await statusIn(host);
      expect({ state, name: driver?.name }).to.deep.equal({ state: connected ? 'running' : 'degraded', name: 'pasta' });
      if (!connected) {
        expect(inside.stderr())
          .to.match(words)
          .and.to.match(/default_rootless_network_cmd = slirp4netns/);
        expect((await host.run(['status'])).stdout).to.match(/problem/);
      }
    });

    it(`${what}: doctor doesn't take the host for offline`, async function () {
      const runtime = freshRuntimeDir(this);
      const host = await privateHost(runtime, setup, { net: true });
      const { stdout } = await host.run(['doctor', '--json', '--check', 'default-route', 'pasta']);
      const { checks } = JSON.parse(stdout) as {
        checks: { id: string; status: string; detail: string; hint: string }[];
      };
      const [route, pasta] = ['default-route', 'pasta'].map((id) => checks.find((check) => check.id === id));
      expect(route?.status).to.equal('ok');
      if (pasta?.status !== 'ok') expect(pasta?.hint).to.match(/slirp4netns/);
    });
  }
});
