/** Real netavark and aardvark-dns, called for containers whose namespaces are named ones. */

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scratch, script } from '../fixtures/cni/plugins.js';
import { alive, childrenOf, commandLine, waitFor } from '../fixtures/processes.js';
import { expectRefused as expectRefusedOnStderr } from '../fixtures/refusals.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { launcher, PLAIN_SHELL, run, type RunResult, spawnRnetns } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone } from '../fixtures/shared-netns.js';

const NETWORK_ID = '1'.repeat(64);

interface Request {
  container_id: string;
  container_name: string;
  networks: Record<string, { interface_name: string; static_ips?: string[] }>;
  network_info: Record<string, object>;
}

function request(
  container: string,
  { ips, subnet = '10.89.5.0/24' }: { ips?: string[]; subnet?: string } = {},
): Request {
  return {
    container_id: `id-${container}`,
    container_name: container,
    networks: { net1: { interface_name: 'eth0', ...(ips === undefined ? {} : { static_ips: ips }) } },
    network_info: {
      net1: {
        name: 'net1',
        id: NETWORK_ID,
        driver: 'bridge',
        network_interface: 'podman9',
        subnets: [{ subnet, gateway: subnet.replace(/0\/\d+$/, '1') }],
        ipv6_enabled: false,
        internal: false,
        dns_enabled: true,
      },
    },
  };
}

/** @param netavark - sh, run in the place of netavark; `real "$@"` is the real one. */
function fresh(context: Mocha.Context, netavark?: string): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  let helpers = '';
  if (netavark !== undefined) {
    const directory = scratch();
    script(join(directory, 'netavark'), `real() { exec ${findProgram('netavark') ?? 'netavark'} "$@"; }\n${netavark}`);
    helpers = `[engine]\nhelper_binaries_dir[] = ${directory}\nhelper_binaries_dir[] = /usr/lib/podman\n`;
  }
  runtime.configure(`${helpers}[rnetns]\nlinger = 0\n`);
  return runtime;
}

function netavark({ env }: RuntimeDir, act: string, netns: string, options: Request | string): Promise<RunResult> {
  const input = typeof options === 'string' ? options : JSON.stringify(options);
  return run(['netavark', act, netns], { env, input, timeoutMs: 90_000 });
}

async function setUp(runtime: RuntimeDir, netns: string, options: Request): Promise<string> {
  const { status, stdout, stderr } = await netavark(runtime, 'setup', netns, options);
  expect(status, stdout + stderr).to.equal(0);
  const answer = JSON.parse(stdout) as { net1: { interfaces: { eth0: { subnets: { ipnet: string }[] } } } };
  return answer.net1.interfaces.eth0.subnets[0]?.ipnet.split('/')[0] ?? '';
}

async function tearDown(runtime: RuntimeDir, netns: string, options: Request): Promise<void> {
  const { status, stdout, stderr } = await netavark(runtime, 'teardown', netns, options);
  expect(status, stdout + stderr).to.equal(0);
}

async function names(runtime: RuntimeDir, act: 'add' | 'delete', ...all: string[]): Promise<void> {
  for (const name of all) expect((await run(['netns', act, name], { env: runtime.env })).stderr).to.equal('');
}

function inside({ env }: RuntimeDir, netns: string, ...command: string[]): Promise<RunResult> {
  return run(['netns', 'exec', netns, '--', ...command], { env });
}

/** netavark that waits when it has set up `web`: until the mark is taken away. */
function waitAfterSetup(mark: string): string {
  const wait = `: >${mark}; while [ -e ${mark} ]; do sleep 0.05; done`;
  return `(real "$@"); status=$?; case "$*" in *setup*/web) ${wait} ;; esac; exit $status`;
}

/** A process and all below it. */
const treeOf = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(treeOf)];

/** Some of them may end of what others were sent. */
function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** As netavark says no, on stdout, beside our own words. */
function expectRefused(result: RunResult, words: RegExp, status = 125): void {
  const { error } = JSON.parse(result.stdout) as { error: string };
  expect(result.stderr).to.equal(`rnetns: ${error.replace('; hint: ', '\nhint: ')}\n`);
  expectRefusedOnStderr({ ...result, stdout: '' }, words, status);
}

const interfacesIn = async (runtime: RuntimeDir, netns: string): Promise<string> =>
  (await inside(runtime, netns, 'ip', '-brief', 'link')).stdout;

const dnsDirectory = (runtime: RuntimeDir): string => join(runtime.stateDir(), 'netavark', 'aardvark-dns');

/** aardvark-dns is dead, and its pid no process's. */
function endDns(runtime: RuntimeDir): void {
  const file = join(dnsDirectory(runtime), 'aardvark.pid');
  process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
  // In a container nobody may have reaped it, and a zombie is there for netavark.
  writeFileSync(file, '4999999');
}

const leased = (runtime: RuntimeDir): string[] =>
  readdirSync(join(runtime.stateDir(), 'netavark', 'addresses', NETWORK_ID)).sort();

describe('netavark', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'netavark');
  });

  it('connects two containers, which find each other by name, and leaves nothing', async function () {
    const runtime = fresh(this);
    await names(runtime, 'add', 'web', 'db');
    const [web, db] = [request('web'), request('db')];
    expect(await setUp(runtime, 'web', web)).to.equal('10.89.5.2');
    expect(await setUp(runtime, join(runtime.dir, 'netns', 'db'), db)).to.equal('10.89.5.3');
    expect((await inside(runtime, 'db', 'busybox', 'ping', '-c', '1', '-W', '5', '10.89.5.2')).status).to.equal(0);
    const script = 'busybox nslookup web.dns.podman 10.89.5.1 && busybox nslookup db.dns.podman 10.89.5.1';
    const found = await inside(runtime, 'web', 'sh', '-c', script);
    expect(found.stdout, found.stderr).to.include('10.89.5.2').and.include('10.89.5.3');
    const status = await run(['status', '--json'], { env: runtime.env });
    const { references } = JSON.parse(status.stdout) as { references: { id: string }[] };
    expect(references.map(({ id }) => id)).to.have.members(['id-db', 'id-web', 'netns:db', 'netns:web']);
    await tearDown(runtime, 'db', db);
    expect(leased(runtime)).to.deep.equal(['10.89.5.2']);
    await tearDown(runtime, 'web', web);
    await names(runtime, 'delete', 'web', 'db');
    await gone(runtime);
  });

  it('8 at once, and torn down at once: all succeed, each has an address of its own', async function () {
    const runtime = fresh(this);
    const all = Array.from({ length: 8 }, (_, index) => `c${index}`);
    await names(runtime, 'add', ...all);
    const addresses = await Promise.all(all.map((name) => setUp(runtime, name, request(name))));
    expect(new Set(addresses).size).to.equal(all.length);
    await Promise.all(all.map((name) => tearDown(runtime, name, request(name))));
    expect(leased(runtime)).to.deep.equal([]);
    await names(runtime, 'delete', ...all);
    await gone(runtime);
  });

  it('a second setup of a container is refused, and the first goes on', async function () {
    const runtime = fresh(this);
    await names(runtime, 'add', 'web', 'db');
    for (const [name, ips] of [
      ['web', undefined],
      ['db', ['10.89.5.77']],
    ] as const) {
      const options = request(name, ips === undefined ? {} : { ips: [...ips] });
      const address = await setUp(runtime, name, options);
      const { status, stdout } = await netavark(runtime, 'setup', name, options);
      expect({ status, error: (JSON.parse(stdout) as { error: string }).error }).to.deep.equal({
        status: 1,
        error: `eth0 is there already in ${join(runtime.dir, 'netns', name)}`,
      });
      expect((await inside(runtime, name, 'busybox', 'ping', '-c', '1', '-W', '5', '10.89.5.1')).status).to.equal(0);
      expect(leased(runtime)).to.include(address);
    }
    expect(leased(runtime)).to.deep.equal(['10.89.5.2', '10.89.5.77']);
    for (const name of ['web', 'db']) await tearDown(runtime, name, request(name));
    await names(runtime, 'delete', 'web', 'db');
    await gone(runtime);
  });

  it('what fails counts nothing and leaves nothing: a namespace that is gone, no address left', async function () {
    const runtime = fresh(this);
    expectRefused(
      await netavark(runtime, 'setup', 'none', request('web')),
      /id-web on .*\/netns\/none.*netns add none/s,
    );
    expect(existsSync(runtime.stateDir())).to.be.false;
    for (const path of ['/etc/passwd', join(runtime.dir, 'none')]) {
      const { status, stdout } = await netavark(runtime, 'setup', path, request('web'));
      const error = `there is no network namespace at ${path}`;
      expect({ status, answer: JSON.parse(stdout) as unknown }).to.deep.equal({ status: 1, answer: { error } });
    }
    await gone(runtime);
    await names(runtime, 'add', 'a', 'b');
    const small = (name: string): Request => request(name, { subnet: '10.89.6.0/30' });
    expect(await setUp(runtime, 'a', small('a'))).to.equal('10.89.6.2');
    expectRefused(await netavark(runtime, 'setup', 'b', small('b')), /no address left for id-b/);
    const status = await run(['status', '--json'], { env: runtime.env });
    expect((JSON.parse(status.stdout) as { refCount: number }).refCount).to.equal(3);
    await tearDown(runtime, 'a', small('a'));
    await names(runtime, 'delete', 'a', 'b');
    await gone(runtime);
  });

  it('killed while netavark works: it is undone, and its address goes to the next one', async function () {
    const mark = join(scratch(), 'mark');
    const wait = `: >${mark}; while [ -e ${mark} ]; do sleep 0.05; done`;
    const runtime = fresh(this, `case "$*" in *setup*/web) ${wait} ;; esac; real "$@"`);
    await names(runtime, 'add', 'web', 'db');
    const caller = spawnRnetns(['netavark', 'setup', 'web'], { env: runtime.env });
    caller.child.stdin?.end(JSON.stringify(request('web')));
    await waitFor(() => existsSync(mark), { what: 'netavark to begin' });
    expect(leased(runtime)).to.deep.equal(['10.89.5.2']);
    const children = readFileSync(`/proc/${caller.pid}/task/${caller.pid}/children`, 'utf8');
    for (const pid of [caller.pid, ...children.trim().split(/\s+/).map(Number)]) process.kill(pid, 'SIGKILL');
    rmSync(mark);
    expect(await setUp(runtime, 'db', request('db'))).to.equal('10.89.5.2');
    expect((await inside(runtime, 'web', 'ip', '-brief', 'link')).stdout).to.not.include('eth0');
    expect((await inside(runtime, 'db', 'busybox', 'ping', '-c', '1', '-W', '5', '10.89.5.1')).status).to.equal(0);
    await tearDown(runtime, 'db', request('db'));
    expect(leased(runtime)).to.deep.equal([]);
    await names(runtime, 'delete', 'web', 'db');
    await gone(runtime);
  });

  for (const [what, signal, victims] of [
    ['Ctrl-C', 'SIGINT', 'group'],
    ['SIGTERM', 'SIGTERM', 'itself'],
    ['SIGHUP', 'SIGHUP', 'itself'],
    ['the end of its service', 'SIGTERM', 'all'],
  ] as const) {
    it(`${what} when netavark has just set it up: it is undone, and the caller sees it die of that`, async function () {
      const mark = join(scratch(), 'mark');
      const runtime = fresh(this, waitAfterSetup(mark));
      await names(runtime, 'add', 'web', 'db');
      // As a shell with job control does, a group of its own.
      const caller = spawn(launcher, ['netavark', 'setup', 'web'], { env: runtime.env, detached: true });
      const ended = once(caller, 'exit');
      caller.stdin.end(JSON.stringify(request('web')));
      await waitFor(() => existsSync(mark), { what: 'netavark to be done' });
      expect(await interfacesIn(runtime, 'web')).to.include('eth0');
      const pid = caller.pid ?? NaN;
      signalAll(victims === 'all' ? treeOf(pid) : [victims === 'group' ? -pid : pid], signal);
      // Node hears of it a moment later; if netavark is done by then, it is too late.
      await sleep(1000);
      rmSync(mark, { force: true });
      expect(await ended).to.deep.equal([null, signal]);
      expect(await interfacesIn(runtime, 'web')).to.not.include('eth0');
      expect(leased(runtime)).to.deep.equal([]);
      expect(readdirSync(join(runtime.stateDir(), 'netavark', 'unfinished'))).to.deep.equal([]);
      expect(existsSync(join(runtime.stateDir(), 'references', 'id-web'))).to.be.false;
      expect(await setUp(runtime, 'db', request('db'))).to.equal('10.89.5.2');
      await tearDown(runtime, 'db', request('db'));
      await names(runtime, 'delete', 'web', 'db');
      await gone(runtime);
    });
  }

  it('Ctrl-C while it waits for another call ends it at once, and does nothing', async function () {
    const mark = join(scratch(), 'mark');
    const runtime = fresh(this, waitAfterSetup(mark));
    await names(runtime, 'add', 'web', 'db');
    const first = setUp(runtime, 'web', request('web'));
    await waitFor(() => existsSync(mark), { what: 'netavark to be done' });
    const second = spawnRnetns(['netavark', 'setup', 'db'], { env: runtime.env });
    second.child.stdin?.end(JSON.stringify(request('db')));
    const isWaiting = (): boolean => treeOf(second.pid).some((pid) => /(^|\/)flock$/.test(commandLine(pid)[0] ?? ''));
    await waitFor(isWaiting, { what: 'the second to wait' });
    process.kill(second.pid, 'SIGINT');
    expect(await second.ended).to.deep.equal({ status: null, signal: 'SIGINT' });
    expect(existsSync(mark)).to.be.true;
    rmSync(mark);
    expect(await first).to.equal('10.89.5.2');
    expect(leased(runtime)).to.deep.equal(['10.89.5.2']);
    await tearDown(runtime, 'web', request('web'));
    await names(runtime, 'delete', 'web', 'db');
    await gone(runtime);
  });

  for (const [what, victims] of [
    ['its caller alone', 'itself'],
    ['all of it', 'all'],
  ] as const) {
    it(`kill -9 of ${what} when netavark has just set it up: the address has one container`, async function () {
      const mark = join(scratch(), 'mark');
      const runtime = fresh(this, waitAfterSetup(mark));
      await names(runtime, 'add', 'web', 'db');
      const caller = spawnRnetns(['netavark', 'setup', 'web'], { env: runtime.env });
      caller.child.stdin?.end(JSON.stringify(request('web')));
      await waitFor(() => existsSync(mark), { what: 'netavark to be done' });
      signalAll(victims === 'all' ? treeOf(caller.pid) : [caller.pid], 'SIGKILL');
      await caller.ended;
      rmSync(mark);
      expect(await setUp(runtime, 'db', request('db'))).to.equal('10.89.5.2');
      expect(await interfacesIn(runtime, 'web')).to.not.include('eth0');
      const hosts = readFileSync(join(dnsDirectory(runtime), 'net1'), 'utf8');
      expect(hosts).to.include('id-db').and.not.include('id-web');
      expect((await inside(runtime, 'db', 'busybox', 'ping', '-c', '1', '-W', '5', '10.89.5.1')).status).to.equal(0);
      await tearDown(runtime, 'web', request('web'));
      expect(leased(runtime)).to.deep.equal(['10.89.5.2']);
      await tearDown(runtime, 'db', request('db'));
      await names(runtime, 'delete', 'web', 'db');
      await gone(runtime);
    });
  }

  it('netavark that hangs is ended at the limit with what it started, and nothing is counted', async function () {
    const pids = scratch();
    const runtime = fresh(this, `sleep 600 & echo $! >>${pids}/all; echo $$ >>${pids}/all; wait`);
    await names(runtime, 'add', 'web');
    const input = JSON.stringify(request('web'));
    const { status, stdout } = await run(['netavark', 'setup', 'web', '--timeout', '1'], { env: runtime.env, input });
    expect({ status, answer: JSON.parse(stdout) as unknown }).to.deep.equal({
      status: 1,
      answer: { error: 'netavark did not end within 1 s, and was killed' },
    });
    expect(leased(runtime)).to.deep.equal([]);
    const all = readFileSync(join(pids, 'all'), 'utf8').trim().split('\n').map(Number);
    expect(all).to.have.lengthOf(4);
    await waitFor(() => !all.some(alive), { what: 'the end of netavark and its child' });
    await names(runtime, 'delete', 'web');
    await gone(runtime);
  });

  it('teardown of a container that is not there is done already, and makes nothing', async function () {
    const runtime = fresh(this);
    const down = await netavark(runtime, 'teardown', 'web', request('web'));
    expect([down.status, down.stdout, down.stderr]).to.deep.equal([0, '', '']);
    expect(existsSync(runtime.stateDir())).to.be.false;
    await names(runtime, 'add', 'web');
    await setUp(runtime, 'web', request('web'));
    for (const round of [1, 2]) {
      const { status, stdout, stderr } = await netavark(runtime, 'teardown', 'web', request('web'));
      expect([status, stdout, stderr], `teardown ${round}`).to.deep.equal([0, '', '']);
    }
    await names(runtime, 'delete', 'web');
    await gone(runtime);
  });

  for (const what of ['namespace', 'interface'] as const) {
    it(`teardown of a container whose ${what} is gone leaves nothing of it, and has nothing to say`, async function () {
      const runtime = fresh(this);
      await names(runtime, 'add', 'web', 'db');
      for (const name of ['web', 'db']) await setUp(runtime, name, request(name));
      const lose = async (name: string): Promise<void> => {
        if (what === 'namespace') await names(runtime, 'delete', name);
        else await inside(runtime, name, 'ip', 'link', 'delete', 'eth0');
      };
      const tearDownSilently = async (name: string): Promise<void> => {
        const { status, stdout, stderr } = await netavark(runtime, 'teardown', name, request(name));
        expect([status, stdout, stderr]).to.deep.equal([0, '', '']);
      };
      const held = spawnRnetns(['run', '--', 'sleep', '60'], { env: runtime.env });
      await lose('web');
      await tearDownSilently('web');
      expect(readFileSync(join(dnsDirectory(runtime), 'net1'), 'utf8'))
        .to.include('id-db')
        .and.not.include('id-web');
      await lose('db');
      await tearDownSilently('db');
      const left = await run(['run', '--', PLAIN_SHELL, '-c', 'ip -brief link; iptables-save'], { env: runtime.env });
      expect(left.stdout)
        .to.include('eth0')
        .and.not.match(/podman9|10\.89\.5\./);
      expect(leased(runtime)).to.deep.equal([]);
      if (what === 'interface') {
        for (const name of ['web', 'db']) expect(await interfacesIn(runtime, name)).to.not.include('eth0');
        await names(runtime, 'delete', 'web', 'db');
      }
      held.child.kill('SIGKILL');
      await gone(runtime);
    });
  }

  it('teardown after the death of aardvark-dns says what netavark said, once, and drops the reference', async function () {
    const runtime = fresh(this);
    await names(runtime, 'add', 'web', 'db');
    for (const name of ['web', 'db']) await setUp(runtime, name, request(name));
    endDns(runtime);
    const first = await netavark(runtime, 'teardown', 'db', request('db'));
    expect([first.status, first.stdout], first.stderr).to.deep.equal([0, '']);
    // netavark 1.4 has something to say; 1.14 goes on without a word.
    expect(first.stderr).to.match(
      /^(rnetns: netavark teardown of \S+\/db ended with status 1: .*aardvark pid.*\nhint: .*\n)?$/,
    );
    expect(leased(runtime)).to.deep.equal(['10.89.5.2']);
    const second = await netavark(runtime, 'teardown', 'db', request('db'));
    expect([second.status, second.stdout, second.stderr]).to.deep.equal([0, '', '']);
    expect(await setUp(runtime, 'db', request('db'))).to.equal('10.89.5.3');
    for (const name of ['web', 'db']) await tearDown(runtime, name, request(name));
    await names(runtime, 'delete', 'web', 'db');
    await gone(runtime);
  });

  it('teardown by a netavark that does nothing disconnects the container, and can be repeated', async function () {
    const runtime = fresh(this, `case "$*" in *teardown*) echo '{"error":"no"}'; exit 3 ;; esac; real "$@"`);
    await names(runtime, 'add', 'web');
    await setUp(runtime, 'web', request('web'));
    const { status, stdout, stderr } = await netavark(runtime, 'teardown', 'web', request('web'));
    expect([status, stdout], stderr).to.deep.equal([0, '']);
    expect(stderr).to.match(/^rnetns: .* ended with status 3: \{"error":"no"\}\nhint: /);
    expect(await interfacesIn(runtime, 'web')).to.not.include('eth0');
    expect(leased(runtime)).to.deep.equal([]);
    await tearDown(runtime, 'web', request('web'));
    await run(['stop', '--force'], { env: runtime.env });
    await gone(runtime);
  });

  it('update changes the DNS servers of a network that has names, and tells what is wrong', async function () {
    const runtime = fresh(this);
    const update = (network: string, servers: string): Promise<RunResult> =>
      run(['netavark', 'update', network, '--network-dns-servers', servers], { env: runtime.env });
    expectRefused(await update('net1', '9.9.9.9'), /network net1: the namespace default is down/);
    expect(existsSync(runtime.stateDir())).to.be.false;
    await names(runtime, 'add', 'web');
    expectRefused(await update('net1', '9.9.9.9'), /network net1: no container on it has names\n/);
    await setUp(runtime, 'web', request('web'));
    expectRefused(await update('net2', '9.9.9.9'), /network net2: .*others have: net1\n/);
    for (const bad of ['junk', '9.9.9.9,junk', '', '9.9.9.9,', 'fe80::1%eth0']) {
      expectRefused(await update('net1', bad), /--network-dns-servers must be IP addresses, but has '/, 2);
    }
    expect((await update('net1', '9.9.9.9,2620:fe::fe')).status).to.equal(0);
    expect(readFileSync(join(dnsDirectory(runtime), 'net1'), 'utf8')).to.match(
      /^10\.89\.5\.1 9\.9\.9\.9,2620:fe::fe\n/,
    );
    await tearDown(runtime, 'web', request('web'));
    await names(runtime, 'delete', 'web');
    await gone(runtime);
  });

  for (const [what, input, words] of [
    ['no JSON', 'container', /stdin/],
    ['no object', '[]', /no JSON object/],
    ['no id', JSON.stringify({ ...request('x'), container_id: '../x' }), /container_id/],
    ['a network without information', JSON.stringify({ ...request('x'), network_info: {} }), /network_info\.net1/],
    ['an address outside of the subnet', JSON.stringify(request('x', { ips: ['10.90.0.2'] })), /10\.90\.0\.2/],
    ['a bad interface name', JSON.stringify(request('x')).replace('eth0', 'a/b'), /interface_name/],
    ['an id of a network that leads elsewhere', JSON.stringify(request('x')).replace(NETWORK_ID, '..'), /net1\.id/],
    [
      'a name that leads elsewhere',
      JSON.stringify(request('x')).replaceAll('"net1"', '"../net1"'),
      /no name of a network/,
    ],
    ['a bad name of a bridge', JSON.stringify(request('x')).replace('podman9', '..'), /network_interface/],
    ['a name to be obeyed', JSON.stringify(request('x')).replaceAll('"net1"', '"\\u001b[2J"'), /no name of a network/],
  ] as const) {
    it(`${what} on stdin is refused before anything is made`, async function () {
      const runtime = fresh(this);
      expectRefused(await netavark(runtime, 'setup', 'web', input), words, 2);
      expect(existsSync(runtime.stateDir())).to.be.false;
    });
  }
});
