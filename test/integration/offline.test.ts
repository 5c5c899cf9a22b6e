/** Without a default route or even an interface on the host: `run` works, degraded, and connects as soon as it can. */

import { expect } from 'chai';
import { addressesIn, hasDefaultRouteIn, printed, statusOf } from '../fixtures/netns-facts.js';
import { privateHost } from '../fixtures/private-host.js';
import { namespaceInode, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';

const LINK =
  'ip link add up0 type veth peer name up1; ip link set up1 up; ip addr add 198.51.100.2/24 dev up0; ip link set up0 up';
const ROUTE = 'ip route add default via 198.51.100.1';

describe('a host without a default route', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'slirp4netns', 'ip');
  });

  for (const [what, setup] of [
    ['no interface at all', ''],
    ['lo only', 'ip link set lo up'],
    ['an interface, and no route', `ip link set lo up; ${LINK}`],
  ] as const) {
    it(`with ${what}: run works, with lo, and status is degraded`, async function () {
      const runtime = freshRuntimeDir(this);
      const host = await privateHost(runtime, setup, { net: true });
      const inside = host.spawn(['run', '--', 'sh', '-c', 'ip -o addr show lo up; echo end; exec sleep 60']);
      const text = await printed(inside, 'end\n');
      expect(text).to.include('127.0.0.1/8');
      const status = JSON.parse((await host.run(['status', '--json'])).stdout) as { state: string };
      expect(status.state).to.equal('degraded');
      const warm = await host.run(['run', '--', 'sh', '-c', 'exit 42']);
      expect(warm.status).to.equal(42);
      expect(warm.durationMs, 'ms of a warm run').to.be.below(5000);
    });
  }

  it('that gets one later: the namespace gets its address and route, and is no longer degraded', async function () {
    const runtime = freshRuntimeDir(this);
    const host = await privateHost(runtime, 'ip link set lo up', { net: true });
    const inside = host.spawn(['run', '--', 'sh', '-c', 'echo up; exec sleep 60']);
    await printed(inside, 'up\n');
    const netns = namespaceInode(inside.pid);
    // A pasta of 2025 gives it a route of its own making meanwhile, which leads nowhere.
    expect((await statusOf(runtime.env)).state).to.equal('degraded');

    await host.sh(`${LINK}; ${ROUTE}`);
    await waitFor(() => hasDefaultRouteIn(inside.pid) && addressesIn(inside.pid).includes('198.51.100.2'), {
      what: 'the address and a default route inside',
    });
    expect(namespaceInode(inside.pid)).to.equal(netns);
    const status = await waitFor(
      async () => {
        const now = await statusOf(runtime.env);
        return now.state === 'running' ? now : undefined;
      },
      { what: 'status to be running' },
    );
    expect(status.driver?.pid).to.be.a('number');
    const { status: exit } = await host.run(['run', '--', 'true']);
    expect(exit).to.equal(0);
    expect((await statusOf(runtime.env)).addresses).to.include('198.51.100.2');
  });

  it('is no obstacle to slirp4netns or none', async function () {
    for (const driver of ['slirp4netns', 'none']) {
      const runtime = freshRuntimeDir(this);
      runtime.configure(`[network]\ndefault_rootless_network_cmd = ${driver}\n`);
      const host = await privateHost(runtime, '', { net: true });
      const { status, stdout } = await host.run(['run', '--', 'echo', 'ran']);
      expect({ status, stdout }, driver).to.deep.equal({ status: 0, stdout: 'ran\n' });
    }
  });
});
