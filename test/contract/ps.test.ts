/** `rnetns ps`: processes and containers that are really there, as the kernel has them. */

import { expect } from 'chai';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerLink, Inventory } from '../../src/inspect/inventory.js';
import { ATTACH, containerFacts, startContainers } from '../fixtures/containers.js';
import { printed, statusOf } from '../fixtures/netns-facts.js';
import { privateHost } from '../fixtures/private-host.js';
import { childrenOf, commandLine, namespaceInode, waitFor } from '../fixtures/processes.js';
import { expectRefused } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { run, spawnRnetns, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { directoryOfPrograms, killNow, startCommand } from '../fixtures/shared-netns.js';

/** Without a driver: it has no part in this. */
function fresh(context: Mocha.Context): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure('[network]\ndefault_rootless_network_cmd = none\n[rnetns]\nlinger = 0\n');
  return runtime;
}

async function ps({ env }: RuntimeDir): Promise<Inventory> {
  const { status, stdout, stderr } = await run(['ps', '--json'], { env });
  expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Inventory;
}

const sameAs = ({ interface: inside, mac, addresses, bridge }: ContainerLink): object => ({
  interface: inside,
  mac,
  addresses,
  bridge,
});
const factsOf = (count: number): object[] => Array.from({ length: count }, (_, index) => containerFacts(index + 1));
const byMac = (links: readonly ContainerLink[]): ContainerLink[] =>
  [...links].sort((a, b) => a.mac.localeCompare(b.mac));

function expectFine({ status, stderr }: Pick<RunResult, 'status' | 'stderr'>): void {
  expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
}

describe('ps', () => {
  before(function () {
    requires(this, 'userns', 'ip');
  });

  it('of nothing: says so, has both lists, and makes nothing', async function () {
    const runtime = fresh(this);
    expect(await ps(runtime)).to.deep.equal({ processes: [], containers: [], ports: [] });
    expect((await run(['ps'], { env: runtime.env })).stdout).to.equal('default: down\n');
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
  });

  it('tells the processes in the namespace, and who of them holds a lease', async function () {
    const runtime = fresh(this);
    const close = '3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-';
    const command = await startCommand(runtime, `sleep 600 ${close} & echo "child $!"`, [], 'here');
    const child = Number(/child (\d+)/.exec(await printed(command, /child \d+\n/))?.[1]);
    const { processes, containers } = await ps(runtime);
    expect(containers).to.deep.equal([]);
    const uid = process.getuid?.();
    expect(processes).to.deep.equal([
      { pid: command.pid, uid, command: ['cat'], started: processes[0]?.started, lease: true, netns: null },
      { pid: child, uid, command: ['sleep', '600'], started: processes[1]?.started, lease: false, netns: null },
    ]);
    for (const { started } of processes) expect(Date.parse(started)).to.be.closeTo(Date.now(), 30_000);
    expect(await ps(runtime), 'the same once more').to.deep.equal({ processes, containers, ports: [] });
    await killNow(child);
    await command.finish();
  });

  it('tells what each container has on the bridges: by name, by process, or by where a command has it mounted', async function () {
    const runtime = fresh(this);
    expectFine(await run(['netns', 'add', 'web'], { env: runtime.env }));
    const { XDG_RUNTIME_DIR: dir = '' } = runtime.env;
    const command = await startContainers(
      runtime,
      1,
      `attach "${dir}/netns/web" 2
       mount -t tmpfs tmpfs /mnt; : >/mnt/hidden; unshare --net=/mnt/hidden true; attach /mnt/hidden 3
       bridge br1; ip link add w2 up master br1 type veth peer name eth1 netns "$pid"
       : no container: a veth on no bridge, and both ends of one here
       ip link add loose type veth peer name eth2 netns "$pid"
       ip link add a up master br0 type veth peer name b`,
    );
    const { containers, processes } = await ps(runtime);
    const [first, web, hidden] = byMac(containers.filter(({ bridge }) => bridge === 'br0'));
    expect([first, web, hidden].map((link) => sameAs(link!))).to.deep.equal(factsOf(3));
    const sleeper = childrenOf(command.pid)[0] ?? 0;
    expect(first).to.deep.include({ pid: sleeper, netns: `/proc/${sleeper}/ns/net`, hostInterface: 'v1', state: 'up' });
    expect(first?.inode).to.equal(namespaceInode(sleeper));
    expect(web).to.deep.include({ pid: null, netns: 'web', ipv4: ['10.88.1.2'], ipv6: ['fd00:88::2'], id: null });
    expect(hidden).to.deep.include({ pid: null, netns: `/proc/${command.pid}/root/mnt/hidden` });
    const others = containers.filter(({ bridge }) => bridge !== 'br0');
    expect(others).to.have.lengthOf(1);
    expect(others[0]).to.deep.include({ interface: 'eth1', hostInterface: 'w2', bridge: 'br1', state: 'down' });
    expect(processes.find(({ pid }) => pid === sleeper)).to.deep.include({
      netns: `/proc/${sleeper}/ns/net`,
      interfaces: ['eth0', 'eth1'],
      lease: false,
    });
    // The one that is hidden too.
    expect(await statusOf(runtime.env)).to.include({ containers: 3, processes: 1, refCount: 1 });
    expect((await run(['list'], { env: runtime.env })).stdout).to.match(/ 1 process, 3 containers, 1 reference$/m);
    expectFine(await run(['netns', 'delete', 'web'], { env: runtime.env }));
    await command.finish();
  });

  it('takes no other container for one of ours, though its interfaces have the same numbers', async function () {
    const runtime = fresh(this);
    // The inner one is on a bridge in the outer one.
    const command = await startCommand(
      runtime,
      `${ATTACH}
       bridge br0; sleeper; outer=$pid
       ip link add v0 index 50 up master br0 type veth peer name eth0 index 60 address 02:00:00:00:00:01 netns "$outer"
       sleeper; inner=$pid
       nsenter --net="/proc/$outer/ns/net" ip link add v0 index 50 type veth peer name eth0 index 60 address 02:00:00:00:00:02 netns "$inner"`,
    );
    const { containers } = await ps(runtime);
    expect(containers.map(({ mac }) => mac)).to.deep.equal(['02:00:00:00:00:01']);
    await command.finish();
  });

  it('knows the container by the id that its runtime has put it on the bridge with', async function () {
    requires(this, 'cni-plugins');
    const runtime = fresh(this);
    const conf = join(runtime.env.XDG_CONFIG_HOME ?? '', 'cni/net.d/10-x.conflist');
    const ipam = { type: 'host-local', ranges: [[{ subnet: '10.89.0.0/24' }]] };
    const list = { cniVersion: '1.0.0', name: 'x', plugins: [{ type: 'bridge', bridge: 'cni0', ipam }] };
    const write = 'mkdir -p "${0%/*}" && cat >"$0"';
    expectFine(await run(['-c', write, conf], { file: 'sh', input: JSON.stringify(list) }));
    expectFine(await run(['netns', 'add', 'web'], { env: runtime.env }));
    expectFine(await run(['cni', 'add', 'x', 'id-of-web', 'web'], { env: runtime.env }));
    const { containers } = await ps(runtime);
    expect(containers).to.have.lengthOf(1);
    expect(containers[0]).to.deep.include({ netns: 'web', id: 'id-of-web', bridge: 'cni0', ipv4: ['10.89.0.2'] });
    expect((await run(['ps'], { env: runtime.env })).stdout).to.match(
      /^CONTAINER +ID +PID[^]*\nweb +id-of-web +- +cni0 /m,
    );
    expectFine(await run(['cni', 'del', 'x', 'id-of-web', 'web'], { env: runtime.env }));
    expectFine(await run(['netns', 'delete', 'web'], { env: runtime.env }));
  });

  it('10 at once, with 30 containers: each answer is complete', async function () {
    const runtime = fresh(this);
    const command = await startContainers(runtime, 30);
    const answers = await Promise.all(Array.from({ length: 10 }, () => ps(runtime)));
    for (const { containers, processes } of answers) {
      expect(byMac(containers).map(sameAs)).to.deep.equal(factsOf(30));
      expect(processes.filter(({ interfaces }) => interfaces?.[0] === 'eth0')).to.have.lengthOf(30);
    }
    await command.finish();
  });

  it('of containers that die meanwhile: no error, and those that live are in each answer', async function () {
    const runtime = fresh(this);
    const command = await startContainers(runtime, 8);
    const all = childrenOf(command.pid).filter((pid) => commandLine(pid)[0] === 'sleep');
    expect(all).to.have.lengthOf(8);
    const [kept = 0, ...dying] = all;
    const killed = (async () => {
      for (const pid of dying) await killNow(pid);
    })();
    for (let look = 0; look < 4; look += 1) {
      const { containers } = await ps(runtime);
      expect(containers.map(({ pid }) => pid)).to.include(kept);
      for (const link of containers) expect(factsOf(8)).to.deep.include(sameAs(link));
    }
    await killed;
    await waitFor(async () => (await ps(runtime)).containers.length === 1, { what: 'one to be left' });
    await command.finish();
  });

  it('what a process is called does nothing to the terminal', async function () {
    const runtime = fresh(this);
    const name = 'evil\x1b[31m\nline\u009b2J\u202e';
    const script = `exec -a "$1" sleep 600`;
    const evil = spawnRnetns(['run', '--', 'bash', '-c', script, 'bash', name], { env: runtime.env });
    await waitFor(() => commandLine(evil.pid)[0] === name, { what: 'the name' });
    const json = (await run(['ps', '--json'], { env: runtime.env })).stdout;
    expect((JSON.parse(json) as Inventory).processes[0]?.command).to.deep.equal([name, '600']);
    const { stdout } = await run(['ps'], { env: runtime.env });
    expect(stdout).to.include('evil\\x1b[31m\\nline\\x9b2J\\u{202e} 600\n');
    // eslint-disable-next-line no-control-regex
    for (const text of [json, stdout]) expect(text).to.not.match(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  });

  it('waits for nobody: the lock is taken, processes are stopped, the keeper or the supervisor is dead', async function () {
    const runtime = fresh(this);
    const command = await startContainers(runtime, 2);
    const [stopped = 0] = childrenOf(command.pid);
    const lock = spawnRnetns(['lock', '--', 'sh', '-c', 'echo locked; exec cat'], { env: runtime.env });
    await printed(lock, 'locked\n');
    // By `live`: without a driver there are no others of readParts().
    const [, , , supervisor = 0, , , , keeper = 0] = liveOf(runtime);
    for (const pid of [stopped, keeper]) process.kill(pid, 'SIGSTOP');
    const complete = async (): Promise<void> => {
      const begin = performance.now();
      expect(byMac((await ps(runtime)).containers).map(sameAs)).to.deep.equal(factsOf(2));
      expect(performance.now() - begin, 'not the 30 s of a wait').to.be.below(25_000);
    };
    await complete();
    await killNow(keeper);
    await complete();
    await killNow(supervisor);
    await complete();
    lock.child.stdin?.end();
    await lock.ended;
    await command.finish();
  });

  it('without ip it says so, and does not say that nobody is there', async function () {
    const runtime = fresh(this);
    const host = await privateHost(runtime, ':');
    expectFine(await host.run(['setup', '--id', 'x']));
    const programs = ['sh', 'node', 'nsenter', 'unshare', 'flock', 'mount', 'mkdir'];
    const PATH = directoryOfPrograms('/tmp', programs);
    await host.sh('mount -t tmpfs tmpfs /usr/sbin');
    const result = await host.run(['ps'], { env: { ...runtime.env, PATH } });
    await host.sh('umount /usr/sbin');
    expectRefused(result, /ip was not found in PATH[^]*iproute2/);
    expectFine(await host.run(['teardown', '--id', 'x']));
    expectFine(await run(['-r', PATH], { file: 'rm' }));
  });

  it('leaves nothing but the answer: no process, no mount, no name', async function () {
    const runtime = fresh(this);
    const command = await startContainers(runtime, 1);
    const before = readdirSync(runtime.stateDir()).sort();
    await ps(runtime);
    const after = readdirSync(runtime.stateDir()).filter((file) => file !== 'seen.json');
    expect(after.sort()).to.deep.equal(before);
    expect((await ps(runtime)).processes.map(({ command: words }) => words[0])).to.have.members(['cat', 'sleep']);
    await command.finish();
  });
});

/** The words of `live`: the fourth is the supervisor's pid, the eighth the keeper's. */
const liveOf = ({ stateDir }: RuntimeDir): number[] =>
  readFileSync(join(stateDir(), 'live'), 'latin1').split(' ').map(Number);
