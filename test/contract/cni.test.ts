/** `rnetns cni`: real plugins, in the shared namespace, for containers whose namespaces are named ones. */

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, projectRoot, run, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** A runtime directory whose user has the default network list, and `more` of them. */
function fresh(context: Mocha.Context, more: Record<string, object> = {}, settings = ''): RuntimeDir {
  context.timeout(180_000);
  const runtime = freshRuntimeDir(context);
  runtime.configure(`${settings}\n[rnetns]\nlinger = 0\n`);
  const directory = join(runtime.env.XDG_CONFIG_HOME ?? '', 'cni', 'net.d');
  mkdirSync(directory, { recursive: true });
  cpSync(join(projectRoot, 'configs/cni/87-rnetns.conflist'), join(directory, '87-rnetns.conflist'));
  for (const [name, list] of Object.entries(more))
    writeFileSync(join(directory, `${name}.conflist`), JSON.stringify(list));
  return runtime;
}

const cni = ({ env }: RuntimeDir, ...args: string[]): Promise<RunResult> =>
  run(['cni', ...args], { env, timeoutMs: 90_000 });

async function succeed(runtime: RuntimeDir, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(args, { env: runtime.env, timeoutMs: 90_000 });
  expect({ status, stderr }, args.join(' ')).to.deep.equal({ status: 0, stderr: '' });
  return stdout;
}

async function add(runtime: RuntimeDir, name: string, ...more: string[]): Promise<string> {
  const result = JSON.parse(await succeed(runtime, 'cni', 'add', 'rnetns', `id-${name}`, name, ...more)) as {
    ips: { address: string }[];
  };
  return result.ips[0]?.address.split('/')[0] ?? '';
}

const references = async (runtime: RuntimeDir): Promise<[string, number][]> =>
  (
    JSON.parse(await succeed(runtime, 'status', '--json')) as { references: { id: string; nets: number }[] }
  ).references.map(({ id, nets }) => [id, nets]);

/** Addresses that host-local has given away. */
function leased(runtime: RuntimeDir): string[] {
  const directory = join(runtime.stateDir(), 'var/lib/cni/networks/rnetns');
  return existsSync(directory) ? readdirSync(directory).filter((name) => /^\d|^fd/.test(name)) : [];
}

async function ping(runtime: RuntimeDir, from: string, to: string): Promise<void> {
  const { status, stdout } = await run(['netns', 'exec', from, 'busybox', 'ping', '-c', '1', '-W', '5', to], {
    env: runtime.env,
  });
  expect(status, stdout).to.equal(0);
}

/** A plugin directory with a program of the test's beside the real ones; not below /run, which is another one inside. */
function pluginDirectory(name: string, script: string): string {
  const directory = mkdtempSync('/tmp/rnetns-plugins-');
  onTestEnd(() => rmSync(directory, { recursive: true }));
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return directory;
}

const listWith = (type: string): object => ({
  cniVersion: '1.0.0',
  name: 'broken',
  plugins: [
    { type: 'bridge', bridge: 'br1', ipam: { type: 'host-local', ranges: [[{ subnet: '10.88.1.0/24' }]] } },
    { type },
  ],
});

describe('cni', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins');
  });

  it('puts two containers on a network, with a published port, and takes them off; nothing is left', async function () {
    const runtime = fresh(this);
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'add', name);
    const ports = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] };
    const web = await add(runtime, 'web', '--capability', JSON.stringify(ports));
    const db = await add(runtime, 'db');
    expect([web, db]).to.deep.equal(['10.89.0.2', '10.89.0.3']);
    await ping(runtime, 'db', web);
    await ping(runtime, 'web', 'fd72:6e65:746e::3');
    const server = spawn(launcher, ['netns', 'exec', 'web', 'busybox', 'nc', '-l', '-p', '80', '-e', 'echo', 'hello'], {
      env: runtime.env,
      stdio: 'ignore',
    });
    onTestEnd(() => void server.kill('SIGKILL'));
    await waitFor(
      async () =>
        (await run(['run', 'busybox', 'nc', '-w', '3', '10.89.0.1', '8080'], { env: runtime.env })).stdout ===
        'hello\n',
      { timeoutMs: 15_000, what: 'the port to answer' },
    );
    expect(await references(runtime)).to.deep.equal([
      ['id-db', 1],
      ['id-web', 1],
      ['netns:db', 1],
      ['netns:web', 1],
    ]);
    const [listed] = JSON.parse(await succeed(runtime, 'cni', 'list', '--json')) as { attachments: object[] }[];
    expect(listed?.attachments).to.have.lengthOf(2);
    await succeed(runtime, 'cni', 'check', 'rnetns', 'id-db', 'db');
    for (const name of ['web', 'db', 'web']) await succeed(runtime, 'cni', 'del', 'rnetns', `id-${name}`, name);
    expect(leased(runtime)).to.deep.equal([]);
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'delete', name);
    await gone(runtime);
  });

  it('two networks of one container are one reference that counts for both', async function () {
    const more = {
      cniVersion: '1.0.0',
      name: 'second',
      plugins: [{ type: 'ptp', ipam: { type: 'host-local', subnet: '10.88.2.0/24' } }],
    };
    const runtime = fresh(this, { second: more });
    await succeed(runtime, 'netns', 'add', 'web');
    await add(runtime, 'web');
    await succeed(runtime, 'cni', 'add', 'second', 'id-web', 'web', '--ifname', 'eth1');
    expect((await references(runtime))[0]).to.deep.equal(['id-web', 2]);
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-web', 'web');
    expect((await references(runtime))[0]).to.deep.equal(['id-web', 1]);
    await succeed(runtime, 'cni', 'del', 'second', 'id-web', 'web', '--ifname', 'eth1');
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });

  it('16 containers by 8 callers: each has an address of its own, and all come back', async function () {
    const runtime = fresh(this);
    const names = Array.from({ length: 16 }, (_, index) => `c${index}`);
    for (const name of names) await succeed(runtime, 'netns', 'add', name);
    const each = async (act: (name: string) => Promise<unknown>): Promise<void> => {
      const left = [...names];
      const worker = async (): Promise<void> => {
        for (let name = left.pop(); name !== undefined; name = left.pop()) await act(name);
      };
      await Promise.all(Array.from({ length: 8 }, worker));
    };
    const addresses: string[] = [];
    await each(async (name) => addresses.push(await add(runtime, name)));
    expect(new Set(addresses).size).to.equal(names.length);
    await each((name) => succeed(runtime, 'cni', 'del', 'rnetns', `id-${name}`, name));
    expect(leased(runtime)).to.deep.equal([]);
    for (const name of names) await succeed(runtime, 'netns', 'delete', name);
    await gone(runtime);
  });

  for (const [what, script, code] of [
    [
      'returns an error object',
      `cat >/dev/null; echo '{"code": 123, "msg": "no", "details": "not today"}'; exit 1`,
      123,
    ],
    ['prints garbage', 'cat >/dev/null; echo garbage', 6],
    ['crashes', 'kill -SEGV $$', 5],
    ['prints 10 MB', 'cat >/dev/null; head -c 10000000 /dev/zero', 6],
  ] as const) {
    it(`a plugin that ${what} is an error with its code; what was added before is taken away`, async function () {
      const plugins = pluginDirectory('odd', `[ "$CNI_COMMAND" = ADD ] || exit 0\n${script}`);
      const settings = `[network]\ncni_plugin_dirs[] = /usr/lib/cni\ncni_plugin_dirs[] = ${plugins}`;
      const runtime = fresh(this, { broken: listWith('odd') }, settings);
      await succeed(runtime, 'netns', 'add', 'web');
      const { status, stdout, stderr } = await cni(runtime, 'add', 'broken', 'id-web', 'web', '--json');
      expect({ status, stdout }, stderr).to.deep.equal({ status: 125, stdout: '' });
      const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as {
        error: { code: string; message: string; cni: { code: number } };
      };
      expect(error.code).to.equal('ERR_CNI');
      expect(error.cni.code).to.equal(code);
      expect(error.message).to.include('failed on plugin odd');
      expect(await succeed(runtime, 'netns', 'exec', 'web', 'ip', '-brief', 'link')).to.not.include('eth0');
      expect(await references(runtime)).to.deep.equal([['netns:web', 1]]);
      await succeed(runtime, 'netns', 'delete', 'web');
      await gone(runtime);
    });
  }

  it('what a killed add has left is freed by gc, and what others have stays', async function () {
    const mark = mkdtempSync('/tmp/rnetns-mark-');
    onTestEnd(() => rmSync(mark, { recursive: true }));
    const plugins = pluginDirectory('slow', `[ "$CNI_COMMAND" = ADD ] || exit 0\n: >${mark}/begun; exec sleep 30`);
    const settings = `[network]\ncni_plugin_dirs[] = /usr/lib/cni\ncni_plugin_dirs[] = ${plugins}`;
    const list = listWith('slow') as { name: string };
    const runtime = fresh(this, { broken: list }, settings);
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'add', name);
    await add(runtime, 'db');
    const child = spawn(launcher, ['cni', 'add', 'broken', 'id-web', 'web'], { env: runtime.env, stdio: 'ignore' });
    await waitFor(() => existsSync(join(mark, 'begun')), { timeoutMs: 30_000, what: 'the plugin to begin' });
    child.kill('SIGKILL');
    const networks = join(runtime.stateDir(), 'var/lib/cni/networks/broken');
    expect(readdirSync(networks)).to.include('10.88.1.2');
    await succeed(runtime, 'cni', 'gc', 'broken');
    expect(readdirSync(networks)).to.not.include('10.88.1.2');
    expect(await succeed(runtime, 'netns', 'exec', 'web', 'ip', '-brief', 'link')).to.not.include('eth0');
    await ping(runtime, 'db', '10.89.0.1');
    await succeed(runtime, 'cni', 'gc', 'rnetns');
    await ping(runtime, 'db', '10.89.0.1');
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-db', 'db');
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'delete', name);
    await run(['stop', '--force'], { env: runtime.env });
    await gone(runtime);
  });

  it('the plugin of type rnetns runs its delegates in the shared namespace, for any runtime', async function () {
    const runtime = fresh(this);
    const bin = mkdtempSync('/tmp/rnetns-bin-');
    onTestEnd(() => rmSync(bin, { recursive: true }));
    expect(await succeed(runtime, 'cni', 'install', bin)).to.equal(`${join(bin, 'rnetns')}\n`);
    await succeed(runtime, 'cni', 'install', bin);
    await succeed(runtime, 'netns', 'add', 'web');
    const ipam = { type: 'host-local', ranges: [[{ subnet: '10.88.3.0/24' }]] };
    const delegate = [{ type: 'bridge', bridge: 'br3', isGateway: true, ipam }];
    const config = { cniVersion: '1.0.0', name: 'net', type: 'rnetns', delegate };
    const call = async (command: string, input: object): Promise<{ status: number | null; answer: unknown }> => {
      const env = {
        ...runtime.env,
        CNI_COMMAND: command,
        CNI_CONTAINERID: 'c1',
        CNI_NETNS: join(runtime.dir, 'netns', 'web'),
        CNI_IFNAME: 'eth0',
        CNI_ARGS: '',
        CNI_PATH: `${bin}:/usr/lib/cni`,
      };
      const { status, stdout } = await run([], { env, file: join(bin, 'rnetns'), input: JSON.stringify(input) });
      return { status, answer: stdout === '' ? undefined : JSON.parse(stdout) };
    };
    const versions = await call('VERSION', { cniVersion: '1.0.0' });
    expect(versions.status).to.equal(0);
    expect(versions.answer).to.have.property('supportedVersions').that.includes('1.0.0');
    const added = await call('ADD', config);
    expect(added.status, JSON.stringify(added.answer)).to.equal(0);
    expect(added.answer).to.have.nested.property('ips[0].address', '10.88.3.2/24');
    expect(await references(runtime)).to.deep.equal([
      ['c1', 1],
      ['netns:web', 1],
    ]);
    expect((await call('CHECK', config)).status).to.equal(0);
    expect((await call('ADD', config)).answer).to.include({ cniVersion: '1.0.0', code: 4 });
    for (const [wrong, code] of [
      [{ ...config, delegate: [{ type: 'rnetns' }] }, 7],
      [{ ...config, delegate: undefined }, 7],
      [{ ...config, delegate: [{ type: 'nonesuch' }], name: 'other' }, 7],
    ] as const) {
      const { status, answer } = await call('ADD', wrong);
      expect({ status, code: (answer as { code: number }).code }).to.deep.equal({ status: 1, code });
    }
    for (const round of [1, 2]) expect((await call('DEL', config)).status, `DEL ${round}`).to.equal(0);
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });

  it('settings given to it are those that the namespace is made with', async function () {
    const runtime = fresh(this);
    const settings = join(runtime.dir, '..', 'other.conf');
    writeFileSync(settings, '[network]\ndefault_rootless_network_cmd = none\n[rnetns]\nlinger = 60\n');
    const { status, stderr } = await cni(runtime, 'status', 'rnetns', '--config', settings);
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const { driver } = JSON.parse(await succeed(runtime, 'status', '--json')) as { driver: { name: string } };
    expect(driver.name).to.equal('none');
    await succeed(runtime, 'stop');
    await gone(runtime);
  });

  it('an unknown network, a namespace that is gone and a bad capability are errors, and make nothing', async function () {
    const runtime = fresh(this);
    for (const [args, status, words] of [
      [['add', 'none', 'c', 'web'], 125, /no network configuration with name "none"/],
      [['add', 'rnetns', 'c', 'web'], 125, /failed/],
      [['add', 'rnetns', 'c', 'web', '--ifname', 'averyveryverylongname'], 125, /interface name is too long/],
      [['add', 'rnetns', 'c', 'web', '--capability', '[]'], 2, /--capability must be a JSON object/],
      [['check', 'rnetns', 'c', 'web'], 125, /never added/],
    ] as const) {
      const result = await cni(runtime, ...args);
      expect(result.status, result.stderr).to.equal(status);
      expect(result.stderr).to.match(words);
    }
    await gone(runtime);
  });
});
