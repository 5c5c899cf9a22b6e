/** What rnetns promises of its network, whichever driver connects it; on real drivers. */

import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { addressesIn, hasDefaultRouteIn, printed, statusOf } from '../fixtures/netns-facts.js';
import { alive, namespaceInode, waitFor } from '../fixtures/processes.js';
import { requires, type Program } from '../fixtures/requirements.js';
import { run, spawnRnetns, type Background } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';

for (const driver of ['pasta', 'slirp4netns', 'none'] as const) {
  const connects = driver !== 'none';

  describe(`the driver ${driver}`, () => {
    beforeEach(function () {
      requires(this, 'userns', ...(connects ? (['tun', driver] satisfies (Program | 'tun')[]) : []));
    });

    function runtimeOf(context: Mocha.Context): RuntimeDir {
      const runtime = freshRuntimeDir(context);
      runtime.configure(`[network]\ndefault_rootless_network_cmd = ${driver}\n`);
      return runtime;
    }

    /** A command that waits inside, and the process through which /proc shows its network. */
    async function waiting(env: NodeJS.ProcessEnv): Promise<Background> {
      const inside = spawnRnetns(['run', '--', 'sh', '-c', 'echo up; exec sleep 60'], { env });
      await printed(inside, 'up\n');
      return inside;
    }

    it('brings up the addresses that status tells, and lo', async function () {
      const { env } = runtimeOf(this);
      const inside = await waiting(env);
      const status = await statusOf(env);
      expect(status.state).to.equal('running');
      expect(status.driver?.name).to.equal(driver);
      expect([...(status.addresses ?? [])].sort()).to.deep.equal(addressesIn(inside.pid));
      expect(status.addresses).to.satisfy((addresses: string[]) => addresses.length > 0 === connects);
      const links = await run(['run', '--', 'ip', '-o', 'addr', 'show', 'dev', 'lo', 'up'], { env });
      expect(links.stdout).to.include('inet 127.0.0.1/8');
    });

    it(`has ${connects ? 'a' : 'no'} default route`, async function () {
      const { env } = runtimeOf(this);
      const inside = await waiting(env);
      expect(hasDefaultRouteIn(inside.pid)).to.equal(connects);
    });

    it('puts its DNS forwarders first into resolv.conf, and into status', async function () {
      const { env } = runtimeOf(this);
      await waiting(env);
      const inside = await run(['run', '--', 'cat', '/etc/resolv.conf'], { env });
      const { dnsForwardIps, nameservers } = await statusOf(env);
      const servers = [...inside.stdout.matchAll(/^nameserver (\S+)$/gm)].map(([, server]) => server);
      expect(dnsForwardIps).to.deep.equal({ pasta: ['169.254.1.1'], slirp4netns: ['10.0.2.3'], none: [] }[driver]);
      expect(servers.slice(0, dnsForwardIps!.length)).to.deep.equal(dnsForwardIps);
      expect(nameservers).to.deep.equal(servers);
      expect(servers).to.not.be.empty;
    });

    it('ends with the namespace, and so does all else', async function () {
      const { env } = runtimeOf(this);
      const inside = await waiting(env);
      const { driver: running, supervisor, keeper } = await statusOf(env);
      expect(running?.pid).to[connects ? 'be' : 'not'].a('number');
      const pids = [running?.pid, supervisor?.pid, keeper?.pid, inside.pid].filter((pid) => pid != null);
      expect(pids.every(alive)).to.be.true;
      const { status, stderr } = await run(['stop', '--force'], { env });
      expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
      expect(pids.filter(alive)).to.deep.equal([]);
      expect((await statusOf(env)).state).to.equal('down');
    });

    if (!connects) return;

    it('is there again within 1 s of kill -9, in the same namespace, without any command', async function () {
      const { env } = runtimeOf(this);
      const inside = await waiting(env);
      const before = await statusOf(env);
      const netns = namespaceInode(inside.pid);
      const addresses = addressesIn(inside.pid);
      const killed = before.driver?.pid ?? 0;

      const begin = performance.now();
      process.kill(killed, 'SIGKILL');
      await waitFor(() => !alive(killed), { intervalMs: 1, what: 'the driver to die' });
      const back = (): boolean =>
        readFileSync(`/proc/${inside.pid}/stat`).length > 0 &&
        hasDefaultRouteIn(inside.pid) &&
        addressesIn(inside.pid).join() === addresses.join();
      // A dead driver's interface goes only with its last descriptor: what is seen must be the new driver's.
      await waitFor(
        () => Number(readPid(before.directory!)) !== killed && Number(readPid(before.directory!)) > 0 && back(),
        {
          what: () => `${addresses.join(' ')} and a default route; there are ${addressesIn(inside.pid).join(' ')}`,
        },
      );
      console.log(`      back after ${(performance.now() - begin).toFixed(0)} ms`);

      expect(namespaceInode(inside.pid)).to.equal(netns);
      const after = await statusOf(env);
      expect(after).to.deep.include({ state: 'running', generation: before.generation, keeper: before.keeper });
      expect(after.driver?.restarts).to.equal(1);
      expect(after.driver?.pid).to.not.equal(killed);
    });

    it('is started again as often as it dies', async function () {
      const { env } = runtimeOf(this);
      const inside = await waiting(env);
      for (let restarts = 1; restarts <= 3; restarts++) {
        const { driver: running } = await statusOf(env);
        process.kill(running?.pid ?? 0, 'SIGKILL');
        await waitFor(async () => (await statusOf(env)).driver?.restarts === restarts, { what: 'status to count it' });
        await waitFor(() => hasDefaultRouteIn(inside.pid), { what: 'a default route' });
      }
    });
  });
}

function readPid(directory: string): string {
  try {
    return readFileSync(`${directory}/rootless-netns-conn.pid`, 'latin1').trim();
  } catch {
    return '';
  }
}
