/** What is a container's: its turn, its networks, its count. Each call and each front end leaves alone what is another's. */

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { script } from '../fixtures/cni/plugins.js';
import { cni, fresh, leased, leftovers, pluginDirectory, references, succeed } from '../fixtures/cni/shared.js';
import { waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, PLAIN_SHELL, run, type RunResult, spawnRnetns } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, partsOf } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const SECOND = {
  cniVersion: '1.0.0',
  name: 'second',
  plugins: [{ type: 'ptp', ipam: { type: 'host-local', subnet: '10.88.2.0/24' } }],
};

function marks(): string {
  const path = mkdtempSync('/tmp/rnetns-marks-');
  onTestEnd(() => rmSync(path, { recursive: true }));
  return path;
}

/** ptp that waits at ADD while there is a file `wait`, and says `here`. */
function withWaiting(context: Mocha.Context): { mark: string; runtime: RuntimeDir } {
  const mark = marks();
  const plugins = pluginDirectory(
    'waiting',
    `if [ "$CNI_COMMAND" = ADD ]; then
      : >${mark}/here
      while [ -e ${mark}/wait ]; do sleep 0.05; done
    fi
    exec /usr/lib/cni/ptp`,
  );
  const list = { ...SECOND, name: 'slow', plugins: [{ ...SECOND.plugins[0], type: 'waiting' }] };
  const settings = `[network]\ncni_plugin_dirs[] = ${plugins}\ncni_plugin_dirs[] = /usr/lib/cni`;
  return { mark, runtime: fresh(context, { second: SECOND, slow: list }, settings) };
}

const interfaces = (runtime: RuntimeDir, netns: string): Promise<string> =>
  succeed(runtime, 'netns', 'exec', netns, 'ip', '-brief', 'link');

interface Request {
  container_id: string;
  container_name: string;
  networks: Record<string, { interface_name: string }>;
  network_info: Record<string, object>;
}

/** podman's options for these networks, by number: eth2 on net2, 10.89.2.0/24. */
function request(container: string, ...numbers: number[]): Request {
  const entries = numbers.map((number) => {
    const name = `net${number}`;
    const subnets = [{ subnet: `10.89.${number}.0/24`, gateway: `10.89.${number}.1` }];
    const info = {
      name,
      id: String(number).repeat(64),
      driver: 'bridge',
      network_interface: `podman${number}`,
      subnets,
    };
    return { name, number, info: { ...info, ipv6_enabled: false, internal: false, dns_enabled: false } };
  });
  return {
    container_id: container,
    container_name: container,
    networks: Object.fromEntries(entries.map(({ name, number }) => [name, { interface_name: `eth${number}` }])),
    network_info: Object.fromEntries(entries.map(({ name, info }) => [name, info])),
  };
}

async function netavark(runtime: RuntimeDir, act: string, netns: string, options: Request): Promise<void> {
  const { env } = runtime;
  const done = await run(['netavark', act, netns], { env, input: JSON.stringify(options), timeoutMs: 90_000 });
  expect(done.status, done.stdout + done.stderr).to.equal(0);
}

const countOf = async (runtime: RuntimeDir, id: string): Promise<number | undefined> =>
  (await references(runtime)).find(([other]) => other === id)?.[1];

describe('one container', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins');
  });

  it('gc beside an add that has not counted yet leaves its attachment alone', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    const bin = marks();
    const slow = `case "$*" in *references*) : >${bin}/counting; sleep 3 ;; esac; exec /bin/mkdir "$@"`;
    script(join(bin, 'mkdir'), slow);
    const env = { ...runtime.env, PATH: `${bin}:${runtime.env.PATH ?? process.env.PATH ?? ''}` };
    const adding = run(['cni', 'add', 'rnetns', 'id-web', 'web'], { env, timeoutMs: 90_000 });
    await waitFor(() => existsSync(join(bin, 'counting')), { what: 'the add to count' });
    expect(await countOf(runtime, 'id-web')).to.equal(undefined);
    await succeed(runtime, 'cni', 'gc', 'rnetns');
    const added = await adding;
    expect(added.status, added.stderr).to.equal(0);
    expect(await countOf(runtime, 'id-web')).to.equal(1);
    expect(await interfaces(runtime, 'web')).to.include('eth0');
    expect(leased(runtime)).to.have.lengthOf(2);
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-web', 'web');
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });

  it('two adds at once: one has the interface, the other is told that it is there', async function () {
    const { mark, runtime } = withWaiting(this);
    await succeed(runtime, 'netns', 'add', 'web');
    writeFileSync(join(mark, 'wait'), '');
    const both = [1, 2].map(() => cni(runtime, 'add', 'slow', 'id-web', 'web'));
    await waitFor(() => existsSync(join(mark, 'here')), { what: 'the first one' });
    rmSync(join(mark, 'wait'));
    const ended = await Promise.all(both);
    expect(ended.map(({ status }) => status).sort()).to.deep.equal([0, 125]);
    const refused = ended.find(({ status }) => status === 125);
    expect(refused?.stderr).to.match(/it is there already/);
    expect(await interfaces(runtime, 'web')).to.include('eth0');
    expect(await countOf(runtime, 'id-web')).to.equal(1);
    await succeed(runtime, 'cni', 'del', 'slow', 'id-web', 'web');
    expect(await leftovers(runtime)).to.equal('');
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });

  it('what waits for its turn names the owner at the limit, and a dead owner gives it free', async function () {
    const { mark, runtime } = withWaiting(this);
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'add', name);
    writeFileSync(join(mark, 'wait'), '');
    const adder = spawn(launcher, ['cni', 'add', 'slow', 'id-web', 'web'], { env: runtime.env, stdio: 'ignore' });
    onTestEnd(() => void adder.kill('SIGKILL'));
    await waitFor(() => existsSync(join(mark, 'here')), { what: 'the plugin' });
    const env = { ...runtime.env, RNETNS_LOCK_SECONDS: '1' };
    const busy = new RegExp(
      `process ${adder.pid} \\(adding eth0 of id-web to network slow\\) kept the container id-web`,
    );
    const state = JSON.stringify({ id: 'id-web', status: 'stopped' });
    for (const [args, input] of [
      [['cni', 'add', 'second', 'id-web', 'web', '--ifname', 'eth1']],
      [['cni', 'del', 'slow', 'id-web', 'web']],
      [['cni', 'check', 'slow', 'id-web']],
      [['netavark', 'setup', 'web'], JSON.stringify(request('id-web', 2))],
      [['netavark', 'teardown', 'web'], JSON.stringify(request('id-web', 2))],
      [['oci-hook', '--log', join(mark, 'log')], state],
    ] as const) {
      const { status, stderr } = await run(args, { env, ...(input === undefined ? {} : { input }) });
      expect(status, args.join(' ')).to.equal(125);
      expect(stderr).to.match(busy);
    }
    // Another container is none of its business.
    await succeed(runtime, 'cni', 'add', 'second', 'id-db', 'db');
    adder.kill('SIGKILL');
    await succeed(runtime, 'cni', 'del', 'slow', 'id-web', 'web');
    await succeed(runtime, 'cni', 'del', 'second', 'id-db', 'db');
    expect(await leftovers(runtime)).to.equal('');
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'delete', name);
    await gone(runtime);
  });

  it('netavark and CNI count one container, and each drops only its own', async function () {
    requires(this, 'netavark');
    const runtime = fresh(this, { second: SECOND });
    await succeed(runtime, 'netns', 'add', 'web');
    await netavark(runtime, 'setup', 'web', request('web', 1, 2));
    await succeed(runtime, 'cni', 'add', 'second', 'web', 'web', '--ifname', 'eth9');
    expect(await countOf(runtime, 'web')).to.equal(3);
    await succeed(runtime, 'cni', 'del', 'second', 'web', 'web', '--ifname', 'eth9');
    await succeed(runtime, 'cni', 'del', 'second', 'web', 'web', '--ifname', 'eth9');
    expect(await countOf(runtime, 'web')).to.equal(2);
    // podman's `network disconnect`.
    for (const round of [1, 2]) {
      await netavark(runtime, 'teardown', 'web', request('web', 2));
      expect(await countOf(runtime, 'web'), `teardown ${round}`).to.equal(1);
    }
    expect(await interfaces(runtime, 'web'))
      .to.include('eth1')
      .and.not.include('eth2');
    await netavark(runtime, 'setup', 'web', request('web', 2));
    expect(await countOf(runtime, 'web')).to.equal(2);
    await succeed(runtime, 'cni', 'add', 'second', 'web', 'web', '--ifname', 'eth9');
    await netavark(runtime, 'teardown', 'web', request('web', 1, 2));
    expect(await countOf(runtime, 'web')).to.equal(1);
    expect(await interfaces(runtime, 'web')).to.include('eth9');
    await succeed(runtime, 'cni', 'del', 'second', 'web', 'web', '--ifname', 'eth9');
    expect(await countOf(runtime, 'web')).to.equal(undefined);
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });

  it('a reference that was set up by hand outlives what CNI and netavark count beside it', async function () {
    requires(this, 'netavark');
    const runtime = fresh(this, { second: SECOND });
    await succeed(runtime, 'setup', '--id', 'web');
    await succeed(runtime, 'netns', 'add', 'web');
    await succeed(runtime, 'cni', 'add', 'second', 'web', 'web', '--ifname', 'eth9');
    await netavark(runtime, 'setup', 'web', request('web', 1));
    expect(await countOf(runtime, 'web')).to.equal(3);
    await netavark(runtime, 'teardown', 'web', request('web', 1));
    await succeed(runtime, 'cni', 'del', 'second', 'web', 'web', '--ifname', 'eth9');
    // Nothing of it is attached any more.
    await succeed(runtime, 'cni', 'del', 'second', 'web', 'web');
    await netavark(runtime, 'teardown', 'web', request('web', 1));
    expect(await countOf(runtime, 'web')).to.equal(1);
    await succeed(runtime, 'netns', 'delete', 'web');
    await succeed(runtime, 'teardown', '--id', 'web');
    await gone(runtime);
  });

  it('a path that only the caller has a namespace at works for cni, the plugin and netavark', async function () {
    requires(this, 'netavark');
    const runtime = fresh(this, { second: SECOND });
    const place = marks();
    const bin = marks();
    await succeed(runtime, 'cni', 'install', bin);
    const delegate = [{ type: 'ptp', ipam: { type: 'host-local', subnet: '10.88.3.0/24' } }];
    const config = { cniVersion: '1.0.0', name: 'wrapped', type: 'rnetns', delegate };
    writeFileSync(join(place, 'config'), JSON.stringify(config));
    writeFileSync(join(place, 'request'), JSON.stringify(request('web', 1)));
    // As podman: namespaces on files that nobody else has mounted, in a directory that inside is another one.
    const there = `
      mkdir -p "$1/mine"; mount -t tmpfs tmpfs "$1/mine"; : >"$1/mine/web"
      unshare --net="$1/mine/web" true
      links() { nsenter --net="$1/mine/web" ip -brief link; }
      export CNI_CONTAINERID=web CNI_NETNS="$1/mine/web" CNI_IFNAME=eth8 CNI_PATH="$2:/usr/lib/cni"
      set -ex
      "$3" cni add second web "$1/mine/web" --ifname eth9 >"$1/result"
      "$3" cni check second web "$1/mine/web" --ifname eth9
      "$3" cni check second web "/proc/self/root$1/mine/web" --ifname eth9
      "$3" netavark setup "$1/mine/web" <"$1/request"
      CNI_COMMAND=ADD "$2/rnetns" <"$1/config" >"$1/wrapped"
      CNI_COMMAND=CHECK "$2/rnetns" <"$1/config"
      links "$1" >"$1/up"
      CNI_COMMAND=DEL "$2/rnetns" <"$1/config"
      "$3" netavark teardown "$1/mine/web" <"$1/request"
      "$3" cni del second web --ifname eth9
      links "$1" >"$1/down"`;
    const words = ['unshare', '--mount', PLAIN_SHELL, '-c', there, 'sh', place, bin, launcher];
    const done = await run(['unshare', '--', ...words], { env: runtime.env, timeoutMs: 120_000 });
    expect(done.status, done.stdout + done.stderr).to.equal(0);
    const read = (file: string): string => readFileSync(join(place, file), 'utf8');
    for (const file of ['result', 'wrapped']) {
      const { interfaces: made } = JSON.parse(read(file)) as { interfaces: { sandbox?: string }[] };
      expect(made.map(({ sandbox }) => sandbox)).to.include(join(place, 'mine/web'));
    }
    expect(read('up'))
      .to.match(/^eth1@/m)
      .and.match(/^eth8@/m)
      .and.match(/^eth9@/m);
    expect(read('down')).to.not.match(/^eth/m);
    await gone(runtime);
  });

  /** The file of a lock, as its owner was killed while it had it, or before. */
  function forsaken(runtime: RuntimeDir, id: string, text: string): void {
    const path = join(runtime.dir, `.rnetns+default+${id}`);
    writeFileSync(path, text);
    utimesSync(path, 1, 1);
  }
  const locks = (runtime: RuntimeDir): string[] =>
    readdirSync(runtime.dir).filter((name) => name.startsWith('.rnetns'));

  /** One owner's pid is another process's by now; one was killed before it wrote its own. */
  function forsakeThree(runtime: RuntimeDir): void {
    forsaken(runtime, 'gone', '4999999 (adding)\n1\n');
    forsaken(runtime, 'reused', `${process.pid} (adding)\n1\n`);
    forsaken(runtime, 'empty', '');
  }

  it('files of owners that were killed are removed by the next call', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    forsakeThree(runtime);
    await succeed(runtime, 'cni', 'check', 'rnetns', 'none').catch(() => undefined);
    expect(locks(runtime)).to.deep.equal([]);
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });

  it("files of owners that were killed go with the namespace, and one that is locked stays its owner's", async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    const held = '.rnetns+default+held';
    const owner = spawn('flock', [join(runtime.dir, held), 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    owner.stdin.write('locked\n');
    await once(owner.stdout, 'data');
    forsakeThree(runtime);
    await succeed(runtime, 'netns', 'delete', 'web');
    await waitFor(() => !existsSync(runtime.stateDir()), { what: 'the end of the namespace' });
    await waitFor(() => locks(runtime).length === 1, { what: () => `one lock, not ${locks(runtime).join(' ')}` });
    expect(locks(runtime)).to.deep.equal([held]);
    owner.stdin.end();
    await once(owner, 'exit');
    rmSync(join(runtime.dir, held));
    await gone(runtime);
  });

  it('the file goes with a namespace whose parts are all dead', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    forsakeThree(runtime);
    await killNow(...Object.values(partsOf(runtime)));
    await succeed(runtime, 'stop', '--force');
    expect(locks(runtime)).to.deep.equal([]);
    await gone(runtime);
  });

  for (const [who, slowly] of [
    ['launcher', ''],
    ['supervisor', 'sleep 2'],
  ] as const) {
    it(`kill -9 of an add, and of a del whose ${who} then takes the namespace down: no file is left`, async function () {
      const { mark, runtime } = withWaiting(this);
      await succeed(runtime, 'netns', 'add', 'web');
      writeFileSync(join(mark, 'wait'), '');
      const adding = spawnRnetns(['cni', 'add', 'slow', 'id-web', 'web'], { env: runtime.env });
      await waitFor(() => existsSync(join(mark, 'here')), { what: 'the add' });
      await killNow(adding.pid);
      expect(locks(runtime)).to.have.lengthOf(1);
      rmSync(join(mark, 'wait'));
      await succeed(runtime, 'cni', 'add', 'second', 'other', 'web', '--ifname', 'eth1');
      await succeed(runtime, 'cni', 'del', 'slow', 'id-web', 'web');
      expect(locks(runtime)).to.deep.equal([]);
      // With a warning: the container is still on its network.
      await run(['netns', 'delete', 'web'], { env: runtime.env });
      const slow = `case "$*" in *references*) : >${mark}/dropping; while [ -e ${mark}/dropping ]; do sleep 0.05; done ;; esac
      exec /usr/bin/find "$@"`;
      script(join(mark, 'find'), slow);
      script(join(mark, 'dd'), `${slowly}\nexec /usr/bin/dd "$@"`);
      const env = { ...runtime.env, PATH: `${mark}:${runtime.env.PATH ?? process.env.PATH ?? ''}` };
      const deleting = spawnRnetns(['cni', 'del', 'second', 'other', '--ifname', 'eth1'], { env });
      await waitFor(() => existsSync(join(mark, 'dropping')), { what: 'the del to drop' });
      await killNow(deleting.pid);
      expect(locks(runtime)).to.have.lengthOf(1);
      rmSync(join(mark, 'dropping'));
      await gone(runtime);
    });
  }
});

describe('the plugin of type rnetns', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'cni-plugins');
  });

  it('speaks 1.1.0 for delegates that only speak 1.0.0, and STATUS and GC need no container', async function () {
    const runtime = fresh(this);
    const bin = marks();
    await succeed(runtime, 'cni', 'install', bin);
    await succeed(runtime, 'netns', 'add', 'web');
    const config = {
      cniVersion: '1.1.0',
      name: 'net',
      type: 'rnetns',
      delegate: [...SECOND.plugins, { type: 'firewall' }],
    };
    const call = async (command: string, more: NodeJS.ProcessEnv = {}): Promise<RunResult> => {
      const env = { ...runtime.env, CNI_COMMAND: command, CNI_PATH: `${bin}:/usr/lib/cni`, ...more };
      const done = await run([], { env, file: join(bin, 'rnetns'), input: JSON.stringify(config) });
      expect(done.status, `${command}: ${done.stdout}${done.stderr}`).to.equal(0);
      return done;
    };
    const container = { CNI_CONTAINERID: 'c1', CNI_NETNS: join(runtime.dir, 'netns/web'), CNI_IFNAME: 'eth0' };
    await call('STATUS');
    const added = await call('ADD', container);
    expect(JSON.parse(added.stdout)).to.have.property('cniVersion', '1.1.0');
    await call('CHECK', container);
    await call('STATUS', { CNI_CONTAINERID: '' });
    await call('GC');
    expect(await references(runtime)).to.deep.equal([['netns:web', 1]]);
    expect(leased(runtime, 'net')).to.deep.equal([]);
    await call('DEL', container);
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });
});

describe('words of others', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip');
  });

  it('of plugins and of file names reach no terminal as escape sequences', async function () {
    const plugins = pluginDirectory(
      'evil',
      `[ "$CNI_COMMAND" = ADD ] || exit 0
      printf '\\033]0;log\\007' >&2
      printf '{"code":100,"msg":"\\\\u001b[31mred\\\\u009b2J","details":"\\302\\2332J\\\\nhint: forged"}'; exit 1`,
    );
    const settings = `[network]\ncni_plugin_dirs[] = ${plugins}`;
    const runtime = fresh(this, { evil: { cniVersion: '1.0.0', name: 'evil', plugins: [{ type: 'evil' }] } }, settings);
    const directory = join(runtime.env.XDG_CONFIG_HOME ?? '', 'cni/net.d');
    writeFileSync(join(directory, '99-\x1b[2J\u009b.conflist'), '{"name":"evil"');
    await succeed(runtime, 'netns', 'add', 'web');
    for (const args of [
      ['cni', 'add', 'evil', 'web', 'web'],
      ['cni', 'add', 'evil', 'web', 'web', '--json'],
      ['cni', 'add', 'none', 'web', 'web'],
      ['cni', 'list'],
      ['cni', 'list', '--json'],
    ]) {
      const { stdout, stderr } = await run(args, { env: runtime.env });
      // eslint-disable-next-line no-control-regex -- that is what must not be there
      expect(stdout + stderr, args.join(' ')).to.not.match(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
      expect(stderr).to.not.match(/^hint: forged/m);
    }
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });

  it('files of other networks are no news, a broken one of this network is', async function () {
    requires(this, 'cni-plugins');
    const runtime = fresh(this, { second: SECOND });
    const directory = join(runtime.env.XDG_CONFIG_HOME ?? '', 'cni/net.d');
    writeFileSync(join(directory, '10-other.conflist'), '{"name":"other","plugins":3}');
    writeFileSync(join(directory, '11-torn.conf'), '{');
    await succeed(runtime, 'netns', 'add', 'web');
    await succeed(runtime, 'cni', 'add', 'second', 'web', 'web');
    await succeed(runtime, 'cni', 'check', 'second', 'web', 'web');
    await succeed(runtime, 'cni', 'gc', 'second');
    const debug = await cni(runtime, 'check', 'second', 'web', '--log-level', 'debug');
    expect(debug.stderr).to.match(/debug: \S*10-other\.conflist is left out/);
    writeFileSync(join(directory, '00-second.conflist'), '{"name":"second","plugins":3}');
    const told = await cni(runtime, 'check', 'second', 'web');
    expect(told.status).to.equal(0);
    expect(told.stderr).to.match(/warn: \S*00-second\.conflist is left out: [^\n]*\n$/);
    rmSync(join(directory, '00-second.conflist'));
    await succeed(runtime, 'cni', 'del', 'second', 'web', 'web');
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });
});
