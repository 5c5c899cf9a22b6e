/** `rnetns oci-hook`: real containers of crun and runc, on networks by real CNI plugins. */

import { expect } from 'chai';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pluginDirectory } from '../fixtures/cni/shared.js';
import { printed } from '../fixtures/netns-facts.js';
import { Containers, configureNetworks, type OciConfig, type OciRuntime } from '../fixtures/oci.js';
import { privateHost, type PrivateHost } from '../fixtures/private-host.js';
import { alive, childrenOf, waitFor } from '../fixtures/processes.js';
import { expectRefused } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, projectRoot, run, spawnRnetns, type Background, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const SECOND = {
  plugins: [{ type: 'ptp', ipam: { type: 'host-local', subnet: '10.88.2.0/24' } }],
};
const BROKEN = { plugins: [...SECOND.plugins, { type: 'nonesuch' }] };

function fresh(context: Mocha.Context, more: Record<string, object> = {}): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure('[rnetns]\nlinger = 0\n');
  configureNetworks(runtime, more);
  return runtime;
}

/** The hook, called by hand. */
function hook({ env }: Pick<RuntimeDir, 'env'>, state: object | string, ...args: string[]): Promise<RunResult> {
  const input = typeof state === 'string' ? state : JSON.stringify(state);
  return run(['oci-hook', ...args], { env, input });
}

/** A process with a network namespace of its own, as a container that is being created; ends with its stdin. */
async function container({ env }: RuntimeDir, ...from: string[]): Promise<Background> {
  const [file = launcher, ...words] = from;
  const start = from.length === 0 ? ['unshare', '--', 'unshare', '--net'] : words;
  const started = spawnRnetns([...start, 'sh', '-c', 'echo up; exec cat'], { env, file });
  await printed(started, 'up\n');
  return started;
}

async function finish(started: Background): Promise<void> {
  started.child.stdin?.end();
  await started.ended;
}

async function json<T>({ env }: Pick<RuntimeDir, 'env'>, ...args: string[]): Promise<T> {
  return JSON.parse((await run([...args, '--json'], { env })).stdout) as T;
}

/** What stands for containers: names, references, and addresses that host-local has given away. */
async function traces(runtime: RuntimeDir): Promise<{ names: string[]; references: string[]; leases: string[] }> {
  const { references } = await json<{ references: { id: string }[] | null }>(runtime, 'status');
  const directory = join(runtime.stateDir(), 'var/lib/cni/networks');
  const files = existsSync(directory) ? readdirSync(directory, { recursive: true, encoding: 'utf8' }) : [];
  return {
    names: (await json<{ name: string }[]>(runtime, 'netns', 'list')).map(({ name }) => name),
    references: (references ?? []).map(({ id }) => id),
    leases: files.filter((file) => /\/(\d|fd)/.test(file)).sort(),
  };
}
const NOTHING = { names: [], references: [], leases: [] };

/** Keep the shared namespace up, to look at what is left in it. */
async function hold({ env }: RuntimeDir): Promise<Background> {
  const held = spawnRnetns(['run', '--', 'sh', '-c', 'echo up; exec cat'], { env });
  await printed(held, 'up\n');
  return held;
}

const logOf = (runtime: RuntimeDir): string => {
  const file = join(runtime.dir, 'rnetns-oci-hook.log');
  const text = readFileSync(file, 'utf8');
  rmSync(file);
  return text;
};

/** The fragment for a config.json that is installed with us, for the launcher that is tested. */
function shippedHooks(): OciConfig['hooks'] {
  const text = readFileSync(join(projectRoot, 'configs/hooks/bundle/hooks.json'), 'utf8');
  return (JSON.parse(text.replaceAll('/usr/local/bin/rnetns', launcher)) as Pick<OciConfig, 'hooks'>).hooks;
}

/** A host with a network of its own, on which there is a web server and a DNS server. */
async function hostWithNetwork(runtime: RuntimeDir): Promise<PrivateHost> {
  const setup = `
    ip link set lo up
    ip addr add 203.0.113.9/32 dev lo
    ip addr add 203.0.113.53/32 dev lo
    ip link add up0 type veth peer name up1
    ip addr add 198.51.100.2/24 dev up0
    ip link set up0 up
    ip link set up1 up
    ip route add default via 198.51.100.1
    cover /etc
    rm -f /etc/resolv.conf
    printf 'nameserver 203.0.113.53\\n' >/etc/resolv.conf
  `;
  const host = await privateHost(runtime, setup, { net: true });
  const program = join(projectRoot, 'test/fixtures/outside.mjs');
  const enter = ['--target', String(host.pid), '--user', '--mount', '--net', '--preserve-credentials', '--wd=/', '--'];
  const servers = spawnRnetns([...enter, process.execPath, program, '203.0.113.9', '203.0.113.53', 'outside.example'], {
    file: 'nsenter',
    env: runtime.env,
  });
  await printed(servers, 'ready\n');
  return host;
}

describe('oci-hook', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins', 'jq');
  });

  for (const program of ['crun', 'runc'] satisfies OciRuntime[]) {
    it(`two containers of ${program} reach each other and the host's network, resolve names, and leave nothing`, async function () {
      requires(this, program);
      const runtime = fresh(this);
      const host = await hostWithNetwork(runtime);
      const held = host.spawn(['run', '--', 'sh', '-c', 'echo up; exec cat']);
      await printed(held, 'up\n');
      const containers = new Containers(runtime, program, host);
      const web = `httpd -p 80 -h /www; echo listening
        until wget -qO- http://10.89.0.3/ 2>/dev/null; do sleep 0.1; done; exec sleep 60`;
      const client = `httpd -p 80 -h /www
        ping -c 1 -W 5 10.89.0.2 && wget -qO- http://10.89.0.2/ && wget -qO- http://203.0.113.9/ &&
        nslookup outside.example && wget -qO- http://outside.example/ && echo all; exec sleep 60`;
      await containers.make('web', ['sh', '-c', web]);
      await containers.make('client', ['sh', '-c', client]);
      const listening = await host.sh('cat /proc/net/tcp /proc/net/tcp6');
      const first = containers.spawn('web');
      await printed(first, 'listening\n');
      const second = containers.spawn('client');
      const said = await printed(second, 'all\n');
      expect(said).to.match(
        /1 packets received[^]*hello from web\nhello from outside\n[^]*203\.0\.113\.9[^]*hello from outside\n/,
      );
      await printed(first, 'hello from client\n');
      const sockets = (text: string) => [...text.matchAll(/^ *\d+: (\S+) \S+ 0A /gm)].map(([, address]) => address);
      expect(sockets(await host.sh('cat /proc/net/tcp /proc/net/tcp6'))).to.deep.equal(sockets(listening));
      for (const id of ['web', 'client']) expect((await containers.call('kill', id, 'KILL')).stderr).to.equal('');
      for (const { ended, stderr } of [first, second]) expect((await ended).status, stderr()).to.equal(137);
      expect(containers.known()).to.deep.equal([]);
      expect(await traces(runtime)).to.deep.equal(NOTHING);
      await finish(held);
      await waitFor(() => !existsSync(runtime.stateDir()), { what: 'the namespace to be gone' });
      expect(await host.sh('grep rnetns/default /proc/self/mountinfo || :')).to.equal('');
    });
  }

  it('two networks, one of them on an interface by name, by the annotation of the container', async function () {
    requires(this, 'crun');
    const runtime = fresh(this, { second: SECOND });
    const held = await hold(runtime);
    const containers = new Containers(runtime, 'crun');
    await containers.make('web', ['ip', '-o', '-4', 'addr'], { networks: 'none' });
    containers.edit('web', (config) => {
      config.annotations = { 'rnetns.networks': 'rnetns, second:lan0' };
      config.hooks = shippedHooks();
    });
    const { status, stdout, stderr } = await containers.run('web');
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(stdout)
      .to.match(/ eth0 +inet 10\.89\.0\.2\//)
      .and.match(/ lan0 +inet 10\.88\.2\.2\//);
    expect(await traces(runtime)).to.deep.equal(NOTHING);
    await finish(held);
    await gone(runtime);
  });

  it('works with just the environment that config.json gives it', async function () {
    requires(this, 'crun');
    const { XDG_RUNTIME_DIR: dir, PATH: path } = process.env;
    // Without XDG_RUNTIME_DIR it is that of the uid outside.
    if (dir !== `/run/user/${String(process.getuid?.())}`) this.skip();
    const runtime = fresh(this);
    const name = `t${process.pid}`;
    onTestEnd(async () => {
      await run(['stop', '--force', '-n', name]);
    });
    const env: NodeJS.ProcessEnv = { ...runtime.env, XDG_RUNTIME_DIR: dir };
    const containers = new Containers(runtime, 'crun', {
      run: ([verb = '', ...args], options) => run([verb, '-n', name, ...args], { env, ...options }),
      spawn: (args) => spawnRnetns(args, { env }),
    });
    await containers.make('web', ['ip', '-o', '-4', 'addr']);
    containers.edit('web', ({ hooks, mounts }) => {
      // The bundle's is that of the default namespace.
      mounts.pop();
      for (const each of [...hooks.createRuntime, ...hooks.poststop]) {
        each.args.push('-n', name);
        each.env = [`PATH=${path ?? ''}`, `XDG_CONFIG_HOME=${env.XDG_CONFIG_HOME ?? ''}`];
      }
    });
    const { status, stdout, stderr } = await containers.run('web');
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(stdout).to.include(' eth0 ');
    const left = () => [join(dir, 'rnetns', name), join(dir, 'netns')].filter((path) => existsSync(path));
    await waitFor(() => left().length === 0, { what: () => `${left().join(' ')} to be gone` });
  });

  for (const program of ['crun', 'runc'] satisfies OciRuntime[]) {
    it(`a second network that fails: ${program} creates no container, and the first one is undone`, async function () {
      requires(this, program);
      const runtime = fresh(this, { broken: BROKEN });
      const held = await hold(runtime);
      const containers = new Containers(runtime, program);
      await containers.make('web', ['echo', 'ran'], { networks: 'rnetns broken' });
      const { status, stdout, stderr } = await containers.run('web');
      expect(status, stderr).to.not.equal(0);
      expect(stdout).to.equal('');
      expect(stderr).to.include('hook');
      expect(containers.known()).to.deep.equal([]);
      expect(await traces(runtime)).to.deep.equal(NOTHING);
      expect(logOf(runtime)).to.match(/^\S+Z container web \(creat\w+\): .*network broken.*nonesuch.*\n {2}hint: /);
      await finish(held);
      await gone(runtime);
    });
  }

  it('a container whose runtime was killed is taken off its network by the delete that follows', async function () {
    requires(this, 'crun');
    const runtime = fresh(this);
    const held = await hold(runtime);
    const containers = new Containers(runtime, 'crun');
    await containers.make('web', ['sh', '-c', 'echo up; exec sleep 60']);
    const started = containers.spawn('web');
    await printed(started, 'up\n');
    const [init = 0] = childrenOf(started.pid);
    await killNow(started.pid);
    expect(await traces(runtime)).to.deep.include({ names: ['oci-web'], references: ['netns:oci-web', 'web'] });
    const { status, stderr } = await containers.call('delete', '--force', 'web');
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    await waitFor(() => !alive(init), { what: 'the container to end' });
    expect(await traces(runtime)).to.deep.equal(NOTHING);
    await finish(held);
    await gone(runtime);
  });

  it('what a killed hook has left goes with the next container of that id, or by hand', async function () {
    const runtime = fresh(this);
    const held = await hold(runtime);
    for (const end of ['same', 'next', 'hand']) {
      const first = await container(runtime);
      const killed = spawnRnetns(['oci-hook'], { env: runtime.env });
      killed.child.stdin?.end(JSON.stringify({ id: 'web', status: 'creating', pid: first.pid }));
      // In the middle of ADD: the name is there, and the plugin is being run.
      const name = join(runtime.stateDir(), 'netns', 'oci-web');
      await waitFor(() => existsSync(name), { intervalMs: 1, what: 'the name' });
      await killNow(killed.pid);
      if (end === 'same') {
        const again = await hook(runtime, { id: 'web', status: 'creating', pid: first.pid });
        expect({ status: again.status, stderr: again.stderr }).to.deep.equal({ status: 0, stderr: '' });
        expect((await traces(runtime)).leases).to.have.lengthOf(2);
      }
      await finish(first);
      if (end === 'next') {
        const next = await container(runtime);
        const again = await hook(runtime, { id: 'web', status: 'creating', pid: next.pid });
        expect({ status: again.status, stderr: again.stderr }).to.deep.equal({ status: 0, stderr: '' });
        expect((await traces(runtime)).references).to.deep.equal(['netns:oci-web', 'web']);
        await finish(next);
      }
      for (const round of [1, 2]) {
        const { status, stderr } = await hook(runtime, { id: 'web', status: 'stopped' });
        expect({ status, stderr }, `poststop ${round}`).to.deep.equal({ status: 0, stderr: '' });
      }
      expect(await traces(runtime)).to.deep.equal(NOTHING);
    }
    await finish(held);
    await gone(runtime);
  });

  it('a mistake in a list fails the container, not the one after it; poststop ends in success', async function () {
    const list = (portmap: object) =>
      JSON.stringify({
        cniVersion: '1.0.0',
        name: 'typo',
        plugins: [...SECOND.plugins, { type: 'portmap', ...portmap }],
      });
    const runtime = fresh(this, { typo: {} });
    const file = join(runtime.env.XDG_CONFIG_HOME ?? '', 'cni/net.d/typo.conflist');
    const held = await hold(runtime);
    const web = await container(runtime);
    const create = () => hook(runtime, { id: 'web', status: 'creating', pid: web.pid }, '--network', 'typo');
    for (const end of ['stopped', 'mended']) {
      writeFileSync(file, list({ snat: 'yes' }));
      const { status, stderr } = await create();
      expect(status, stderr).to.equal(125);
      expect(stderr).to.match(/^rnetns: adding eth0 of web to network typo failed on plugin portmap: .*snat/m);
      expect(await traces(runtime), end).to.deep.equal(NOTHING);
      if (end === 'mended') writeFileSync(file, list({}));
      else expect((await hook(runtime, { id: 'web', status: 'stopped' })).status).to.equal(0);
    }
    expect((await create()).stderr).to.equal('');
    expect((await traces(runtime)).leases).to.have.lengthOf(1);
    rmSync(join(runtime.dir, 'rnetns-oci-hook.log'));

    // What was right then is wrong today, and the plugin of then says no.
    const cache = join(runtime.stateDir(), 'var/lib/cni/results/typo-web-eth0');
    const cached = JSON.parse(readFileSync(cache, 'utf8')) as object;
    writeFileSync(cache, JSON.stringify({ ...cached, config: Buffer.from(list({ snat: 'yes' })).toString('base64') }));
    writeFileSync(file, list({ snat: 'yes' }));
    await finish(web);
    const { status, stderr } = await hook(runtime, { id: 'web', status: 'stopped' });
    expect(status, stderr).to.equal(0);
    expect(logOf(runtime)).to.match(/^\S+Z container web \(stopped\): warning: .*plugin portmap: .*snat/m);
    expect(await traces(runtime)).to.deep.equal(NOTHING);
    await finish(held);
    await gone(runtime);
  });

  it('an interface that the container has already stays, and the container is not created', async function () {
    const runtime = fresh(this);
    const web = await container(runtime);
    const inside = async (command: string) =>
      (
        await run(['unshare', '--', 'nsenter', `--net=/proc/${web.pid}/ns/net`, ...command.split(' ')], {
          env: runtime.env,
        })
      ).stdout;
    await inside('ip link add eth0 type bridge');
    const before = await inside('ip -o link show eth0');
    expectRefused(
      await hook(runtime, { id: 'web', status: 'created', pid: web.pid }),
      /there is an interface eth0 in .* already\nhint: .*NETWORK:NAME/,
    );
    expect(await traces(runtime)).to.deep.equal(NOTHING);
    expect(await inside('ip -o link show eth0'))
      .to.equal(before)
      .and.include('eth0');
    expect((await hook(runtime, { id: 'web', status: 'stopped' })).status).to.equal(0);
    expect(await inside('ip -o link show eth0')).to.equal(before);
    const other = await hook(runtime, { id: 'web', status: 'created', pid: web.pid }, '--network', 'rnetns:eth1');
    expect(other.stderr).to.equal('');
    expect((await hook(runtime, { id: 'web', status: 'stopped' })).status).to.equal(0);
    expect(await inside('ip -o link'))
      .to.include('eth0')
      .and.not.include('eth1');
    expect(logOf(runtime)).to.include('there is an interface eth0');
    await finish(web);
    await gone(runtime);
  });

  it('called twice for a container it does what is missing, and another container of that id is refused', async function () {
    const runtime = fresh(this, { second: SECOND });
    const [web, other] = [await container(runtime), await container(runtime)];
    for (const networks of [['rnetns'], ['rnetns', 'second']]) {
      const args = networks.flatMap((network) => ['--network', network]);
      const { status, stderr } = await hook(runtime, { id: 'web', status: 'created', pid: web.pid }, ...args);
      expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    }
    const before = await traces(runtime);
    expect(before.leases).to.deep.equal(['rnetns/10.89.0.2', 'rnetns/fd72:6e65:746e::2', 'second/10.88.2.2']);
    const refused = await hook(runtime, { id: 'web', status: 'created', pid: other.pid });
    expectRefused(refused, new RegExp(`another container of that id runs, process ${web.pid}\\b`));
    expect(await traces(runtime)).to.deep.equal(before);
    expect(logOf(runtime)).to.include('another container of that id');
    for (const each of [web, other]) await finish(each);
    expect((await hook(runtime, { id: 'web', status: 'stopped' })).stderr).to.equal('');
    await gone(runtime);
  });

  it('poststop after the namespace was stopped by force has nothing to do, and makes nothing', async function () {
    const runtime = fresh(this);
    const web = await container(runtime);
    expect((await hook(runtime, { id: 'web', status: 'creating', pid: web.pid })).stderr).to.equal('');
    expect((await run(['stop', '--force'], { env: runtime.env })).stderr).to.equal('');
    await finish(web);
    const { status, stderr } = await hook(runtime, { id: 'web', status: 'stopped', pid: 0 });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    await gone(runtime);
  });

  it('poststop after everything of the namespace was killed drops the reference', async function () {
    const runtime = fresh(this);
    const web = await container(runtime);
    expect((await hook(runtime, { id: 'web', status: 'creating', pid: web.pid })).stderr).to.equal('');
    const parts = await json<{ supervisor: { pid: number }; keeper: { pid: number }; driver: { pid: number } }>(
      runtime,
      'status',
    );
    const guard = Number(readFileSync(join(runtime.stateDir(), 'live'), 'utf8').split(' ')[5]);
    await killNow(guard, parts.supervisor.pid, parts.keeper.pid, parts.driver.pid, web.pid);
    const { status, stderr } = await hook(runtime, { id: 'web', status: 'stopped' });
    expect(status, stderr).to.equal(0);
    expect(await traces(runtime)).to.deep.equal(NOTHING);
    await gone(runtime);
  });

  it('Ctrl-C while it attaches undoes that', async function () {
    const runtime = fresh(this);
    const begun = join(runtime.dir, 'begun');
    const go = join(runtime.dir, 'go');
    const bridge = pluginDirectory(
      'bridge',
      `/usr/lib/cni/bridge || exit
      [ "$CNI_COMMAND" != ADD ] || { : >${begun}; until [ -e ${go} ]; do sleep 0.05; done; }`,
    );
    runtime.configure(
      `[network]\ncni_plugin_dirs[] = ${bridge}\ncni_plugin_dirs[] = /usr/lib/cni\n[rnetns]\nlinger = 0\n`,
    );
    const held = await hold(runtime);
    const web = await container(runtime);
    // From a file, as by hand: an error of its stream would come after it was read.
    const file = join(runtime.dir, 'state.json');
    writeFileSync(file, JSON.stringify({ id: 'web', status: 'creating', pid: web.pid }));
    const started = spawnRnetns(['-c', 'exec "$0" oci-hook <"$1"', launcher, file], { env: runtime.env, file: 'sh' });
    await waitFor(() => existsSync(begun), { what: 'the plugin' });
    expect((await traces(runtime)).names).to.have.lengthOf(1);
    started.child.kill('SIGINT');
    writeFileSync(go, '');
    expect((await started.ended).status).to.equal(125);
    expect(started.stderr()).to.include('interrupted by SIGINT');
    expect(await traces(runtime), started.stderr()).to.deep.equal(NOTHING);
    expect(logOf(runtime)).to.include('interrupted by SIGINT');
    for (const made of [file, begun, go]) rmSync(made);
    await finish(web);
    await finish(held);
    await gone(runtime);
  });

  it('a container of another user namespace, or without a network namespace of its own, is refused', async function () {
    const runtime = fresh(this);
    const sibling = await container(runtime, 'unshare', '--user', '--map-root-user', '--net');
    const inside = spawnRnetns(['run', '--', 'sh', '-c', 'echo up; exec cat'], { env: runtime.env });
    await printed(inside, 'up\n');
    for (const [pid, words] of [
      [sibling.pid, /another user namespace[^]*rnetns unshare/],
      [inside.pid, /no network namespace of its own/],
      [process.pid, /no network namespace of its own/],
      [4_000_000, /there is none/],
    ] as const) {
      expectRefused(await hook(runtime, { id: 'web', status: 'creating', pid }), words);
    }
    // As the runtime's own user namespace would have it.
    const state = JSON.stringify({ id: 'web', status: 'creating', pid: sibling.pid });
    expectRefused(
      await run(['unshare', '--', launcher, 'oci-hook'], { env: runtime.env, input: state }),
      /another user namespace/,
    );
    expect(await traces(runtime)).to.deep.equal(NOTHING);
    expect(
      logOf(runtime)
        .split('\n')
        .filter((line) => line.startsWith('2')),
    ).to.have.lengthOf(5);
    for (const each of [sibling, inside]) await finish(each);
    await gone(runtime);
  });

  it('a bad state, an unknown network and an unknown option are refused, and make nothing', async function () {
    const runtime = fresh(this);
    const good = { id: 'web', status: 'creating', pid: process.pid };
    for (const [state, args, words, status] of [
      ['{', [], /JSON/, 2],
      [{ ...good, id: '../x' }, [], /"\.\.\/x"/, 2],
      [{ ...good, id: 'a'.repeat(200) }, [], /more than 128 characters/, 2],
      [{ ...good, status: 'paused' }, [], /"paused"/, 2],
      [{ ...good, pid: 0 }, [], /no pid/, 2],
      [good, ['--network', 'a:eth1', '--network', 'b'], /interface eth1/, 2],
      [good, ['--network', 'none'], /no network configuration with name "none"/, 125],
      [good, ['--nonesuch'], /unknown option '--nonesuch'/, 2],
      [' '.repeat((1 << 20) + 1), [], /longer than 1 MiB/, 2],
    ] as const) {
      expectRefused(await hook(runtime, state, ...args), words, status);
    }
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
    rmSync(join(runtime.dir, 'rnetns-oci-hook.log'));
    const log = join(runtime.dir, '..', 'hook.log');
    expectRefused(await hook(runtime, '{', '--log', log), /JSON/, 2);
    expect(readFileSync(log, 'utf8')).to.match(/^\S+Z cannot use the container state on stdin: .*\n {2}hint: .*\n$/);
  });

  it('a state that never ends is given up', async function () {
    const runtime = fresh(this);
    const started = spawnRnetns(['oci-hook'], { env: runtime.env });
    started.child.stdin?.write('{"id":');
    expect((await started.ended).status).to.equal(2);
    expect(started.stderr()).to.match(/no end of it within \d+ s/);
    expect(logOf(runtime)).to.include('no end of it');
  });
});
