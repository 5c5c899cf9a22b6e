/** What every forwarder of ports has to do; each runs the same suite. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { startContainers } from '../fixtures/containers.js';
import { printed } from '../fixtures/netns-facts.js';
import {
  ask,
  askDatagram,
  client,
  forwarderPids,
  publish,
  publishOne,
  readAll,
  SERVER,
  sha256,
  startServer,
} from '../fixtures/ports.js';
import { childrenOf, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { startCommand } from '../fixtures/shared-netns.js';

const MEGABYTES = 100;

/** With which driver, so with which forwarder. */
const FORWARDERS: readonly { name: string; driver: 'pasta' | 'slirp4netns' | 'none'; keepsSource: boolean }[] = [
  { name: "rnetns' own with pasta", driver: 'pasta', keepsSource: false },
  { name: "rnetns' own with slirp4netns", driver: 'slirp4netns', keepsSource: false },
  { name: "rnetns' own without a driver", driver: 'none', keepsSource: false },
];

for (const { name, driver, keepsSource } of FORWARDERS) {
  describe(`ports forwarded by ${name}`, () => {
    beforeEach(function () {
      requires(this, 'userns', 'tun', 'python3', ...(driver === 'none' ? [] : [driver]));
    });

    const fresh = (context: Mocha.Context): ReturnType<typeof freshRuntimeDir> => {
      const runtime = freshRuntimeDir(context);
      runtime.configure(`[network]\ndefault_rootless_network_cmd = ${driver}\n`);
      return runtime;
    };

    it('reach a server of IPv4 by TCP and UDP, over both families', async function () {
      const runtime = fresh(this);
      await startServer(runtime, '0.0.0.0', 80);
      const [tcp, udp] = await publish(runtime, '80', '80/udp');
      for (const host of ['127.0.0.1', '::1']) {
        const who = await ask(tcp!.hostPort, 'who\n', host);
        expect(who).not.to.match(/^(127\.|::1$|$)/);
      }
      expect(await askDatagram(udp!.hostPort, 'hello')).to.match(/^[\d.]+ hello$/);
      if (!keepsSource) {
        expect(await ask(tcp!.hostPort, 'who\n')).to.equal((await askDatagram(udp!.hostPort, 'x')).split(' ')[0]);
      }
    });

    if (driver !== 'none') {
      it('reach a server of IPv6 by TCP and UDP', async function () {
        const runtime = fresh(this);
        await startServer(runtime, '::', 80);
        const [tcp, udp] = await publish(runtime, '[::1]::80', '[::1]::80/udp');
        expect(await ask(tcp!.hostPort, 'who\n', '::1')).to.include(':');
        expect(await askDatagram(udp!.hostPort, 'hello', '::1')).to.match(/:.* hello$/);
      });
    }

    it('are a range as well', async function () {
      const runtime = fresh(this);
      await startServer(runtime, '0.0.0.0', 8000, 8001, 8002, 8003, 8004);
      const ports = await publish(runtime, '8000-8004');
      expect(ports).to.have.lengthOf(5);
      for (const { hostPort } of ports) expect(await ask(hostPort, 'who\n')).to.match(/^\d/);
    });

    it('reach a container on a bridge at its address', async function () {
      const runtime = fresh(this);
      const serve = (address: string, port: number): string =>
        `nsenter --net="/proc/$pid/ns/net" setpriv --pdeathsig KILL -- python3 -c '${SERVER}' ${address} ${port} &`;
      const more = `
ip addr add 10.88.255.1/16 dev br0
ip addr add fd00:88::ffff/64 dev br0 nodad
${serve('0.0.0.0', 80)}
${serve('::', 81)}`;
      const command = await startContainers(runtime, 1, more);
      await waitFor(() => command.stdout().split('up\n').length > 3, { what: () => `servers: ${command.stderr()}` });
      const [tcp, udp, tcp6] = await publish(runtime, ':10.88.1.1:80', ':10.88.1.1:80/udp', ':[fd00:88::1]:81');
      expect(await ask(tcp!.hostPort, 'who\n')).to.equal('10.88.255.1');
      expect(await askDatagram(udp!.hostPort, 'hello')).to.equal('10.88.255.1 hello');
      expect(await ask(tcp6!.hostPort, 'who\n')).to.equal('fd00:88::ffff');
    });

    it('do not reach what listens on the loopback inside alone', async function () {
      const runtime = fresh(this);
      await startServer(runtime, '127.0.0.1', 80);
      const port = await publishOne(runtime, '80');
      const broken = await ask(port, 'who\n').catch(String);
      expect(broken).to.match(/^$|ECONNRESET/);
    });

    it('pass the end of one direction on, and the other goes on', async function () {
      const runtime = fresh(this);
      await startServer(runtime, '0.0.0.0', 80);
      const port = await publishOne(runtime, '80');
      expect(await ask(port, 'sum\nhello')).to.equal(sha256(Buffer.from('hello')));
    });

    it(`carry ${MEGABYTES} MB each way unchanged`, async function () {
      const runtime = fresh(this);
      await startServer(runtime, '0.0.0.0', 80);
      const port = await publishOne(runtime, '80');
      const data = Buffer.alloc(MEGABYTES << 20, 'rnetns carries this');
      const up = await client(port);
      up.write('sum\n');
      up.end(data);
      expect(await readAll(up)).to.equal(sha256(data));
      const down = await client(port);
      const hash = createHash('sha256');
      let length = 0;
      down.on('data', (part: Buffer) => {
        hash.update(part);
        length += part.length;
      });
      down.write(`send ${MEGABYTES << 20}\n`);
      await once(down, 'end');
      expect(length).to.equal(MEGABYTES << 20);
      const block = Buffer.from(Array.from({ length: 65536 }, (_, index) => index % 256));
      expect(hash.digest('hex')).to.equal(sha256(Buffer.concat(Array<Buffer>(MEGABYTES * 16).fill(block))));
    });

    it('keep no more than buffers of what a slow reader leaves', async function () {
      const runtime = fresh(this);
      await startServer(runtime, '0.0.0.0', 80);
      const port = await publishOne(runtime, '80');
      const socket = await client(port);
      socket.pause();
      socket.write(`send ${200 << 20}\n`);
      await sleep(1000);
      // The server has written what fits into the buffers of the way, and waits.
      const pids = forwarderPids(runtime);
      const sizes = [...pids, ...pids.flatMap(childrenOf)].map((pid) =>
        Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]),
      );
      expect(sizes).not.to.be.empty;
      expect(Math.max(...sizes)).to.be.below(150_000);
      let length = 0;
      socket.on('data', (part: Buffer) => (length += part.length)).resume();
      await once(socket, 'end');
      expect(length).to.equal(200 << 20);
    });

    it('pass a reset on', async function () {
      const runtime = fresh(this);
      const server = await startServer(runtime, '0.0.0.0', 80);
      const port = await publishOne(runtime, '80');
      const socket = await client(port);
      socket.write('hold\n');
      await sleep(200);
      socket.resetAndDestroy();
      await printed(server, 'reset\n');
    });

    it('break off within a second where no server listens yet, and work once one does', async function () {
      const runtime = fresh(this);
      await startServer(runtime, '0.0.0.0', 81);
      const port = await publishOne(runtime, '80');
      const begin = performance.now();
      const answer = await ask(port, 'who\n').catch(String);
      expect(answer).to.match(/^$|ECONNRESET/);
      // Twice what is promised: the machine may be busy.
      expect(performance.now() - begin).to.be.below(2000);
      await startServer(runtime, '0.0.0.0', 80);
      expect(await ask(port, 'who\n')).to.match(/^\d/);
    });

    it('break off within a second where nobody answers at an address', async function () {
      const runtime = fresh(this);
      // Nobody is on that bridge.
      await startCommand(runtime, 'ip link add d0 up type bridge; ip addr add 10.77.0.1/24 dev d0');
      const port = await publishOne(runtime, ':10.77.0.9:80');
      const begin = performance.now();
      const answer = await ask(port, 'who\n').catch(String);
      expect(answer).to.match(/^$|ECONNRESET/);
      expect(performance.now() - begin).to.be.below(3000);
    });

    it('come and go without touching the connections of others', async function () {
      const runtime = fresh(this);
      await startServer(runtime, '0.0.0.0', 80, 81);
      const port = await publishOne(runtime, '80');
      const socket = await client(port);
      socket.write('sum\n');
      for (let round = 0; round < 5; round += 1) {
        const other = await publishOne(runtime, '81');
        expect(await ask(other, 'who\n')).to.match(/^\d/);
        socket.write('part');
        await run(['port', 'delete', String(other)], { env: runtime.env });
        expect(await ask(other, 'who\n').catch(String)).to.include('ECONNREFUSED');
      }
      socket.end();
      expect(await readAll(socket)).to.equal(sha256(Buffer.from('part'.repeat(5))));
    });
  });
}
