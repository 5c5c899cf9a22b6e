/** Settings that are wrong are told with file, line and what would be right, and nothing is made; `config` and `plan`. */

import { expect } from 'chai';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectFinding, finding } from '../fixtures/doctor.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { gone } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

function file(text: string, mode = 0o644): string {
  const dir = mkdtempSync(join(tmpdir(), 'rnetns-settings-'));
  onTestEnd(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'own.conf');
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const BAD = [
  ['an unknown key', '[network]\n\npasta_option[] = --mtu\n', 3, 'pasta_options'],
  ['an unknown section', '[netwrok]\n', 1, 'network'],
  ['an unknown driver', '[network]\ndefault_rootless_network_cmd = pasty\n', 2, 'slirp4netns'],
  ['a bad backend', '[network]\nnetwork_backend = docker\n', 2, 'netavark'],
  ['a bad linger', '[rnetns]\nlinger = -1\n', 2, 'linger'],
  ['a word as linger', '[rnetns]\nlinger = soon\n', 2, 'linger'],
  ['a bad log level', '[rnetns]\nlog_level = loud\n', 2, 'debug'],
  ['a bad DNS server', '[network]\ndns_servers[] = dns.example\n', 2, 'dns_servers'],
  ['a relative path', '[engine]\nnetwork_cmd_path = pasta\n', 2, 'network_cmd_path'],
  ['a list without []', '[network]\npasta_options = --mtu\n', 2, 'pasta_options[]'],
] as const;

describe('settings', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  for (const [what, ini, line, right] of BAD) {
    it(`${what} is an error that names file, line and what would be right, and nothing is made`, async function () {
      const { env, stateDir } = freshRuntimeDir(this);
      const path = file(ini);
      for (const command of [['run'], ['unshare']]) {
        const { status, stdout, stderr } = await run([...command, '--config', path, '--', 'echo', 'ran'], { env });
        expect({ status, stdout }).to.deep.equal({ status: 125, stdout: '' });
        expect(stderr).to.match(/^rnetns: reading settings failed on .+: .+\n/);
        expect(stderr).to.include(`${path}, line ${line}`).and.include(right);
      }
      expect(existsSync(stateDir())).to.be.false;
      const asked = await run(['config', '--json', '--config', path], { env });
      expect(asked.status).to.equal(125);
      const { error } = JSON.parse(asked.stderr) as { error: { code: string; message: string; hint: unknown } };
      expect(error).to.have.all.keys('code', 'message', 'hint');
      expect(error.code).to.equal('ERR_CONFIG');
    });
  }

  it('in the file of the user count, and a wrong one there is named too', async function () {
    const { env, configure, stateDir } = freshRuntimeDir(this);
    configure('[rnetns]\nlingr = 1\n');
    const { status, stderr } = await run(['run', '--', 'true'], { env });
    expect(status).to.equal(125);
    expect(stderr).to.include('rnetns/rnetns.conf, line 2').and.include('linger');
    expect(existsSync(stateDir())).to.be.false;
  });

  for (const [what, make] of [
    ['is not there', () => '/nonexistent/rnetns.conf'],
    ['is a directory', () => tmpdir()],
    ['may not be read', () => file('[rnetns]\nlinger = 1\n', 0o000)],
  ] as const) {
    it(`a --config that ${what} is an error, cold and warm`, async function () {
      requires(this, 'unprivileged');
      const { env, configure, stateDir } = freshRuntimeDir(this);
      configure('[rnetns]\nlinger = 10\n');
      const path = make();
      const cold = await run(['run', '--config', path, '--', 'echo', 'ran'], { env });
      expect({ status: cold.status, stdout: cold.stdout }).to.deep.equal({ status: 125, stdout: '' });
      expect(cold.stderr)
        .to.match(/^rnetns: .*--config.*\nhint: /)
        .and.include(path);
      expect(existsSync(stateDir())).to.be.false;

      expect((await run(['run', '--', 'true'], { env })).status).to.equal(0);
      const warm = await run(['run', '--config', path, '--', 'echo', 'ran'], { env });
      expect({ status: warm.status, stdout: warm.stdout }).to.deep.equal({ status: 125, stdout: '' });
      expect(warm.stderr).to.equal(cold.stderr);
      const byVariable = await run(['run', '--', 'echo', 'ran'], { env: { ...env, RNETNS_CONFIG: path } });
      expect({ status: byVariable.status, stdout: byVariable.stdout }).to.deep.equal({ status: 125, stdout: '' });
      expect(byVariable.stderr).to.include('RNETNS_CONFIG');
    });
  }

  it('a good --config counts over all others', async function () {
    const { env, configure } = freshRuntimeDir(this);
    configure('[rnetns]\nlinger = 3\nlog_level = error\n');
    const path = file('[rnetns]\nlinger = 0.5\n');
    const { stdout } = await run(['config', '--json', '--config', path], { env });
    const settings = JSON.parse(stdout) as { key: string; value: unknown; source: string }[];
    const byKey = new Map(settings.map((setting) => [setting.key, setting]));
    for (const setting of settings) expect(setting).to.have.all.keys('key', 'value', 'source');
    expect(byKey.get('rnetns.linger')).to.deep.equal({ key: 'rnetns.linger', value: 0.5, source: path });
    expect(byKey.get('rnetns.log_level')?.value).to.equal('error');
    expect(byKey.get('rnetns.log_level')?.source).to.match(/\/rnetns\/rnetns\.conf$/);
    expect(byKey.get('network.network_backend')).to.deep.include({ value: 'netavark', source: 'built-in' });
    expect([...byKey.keys()]).to.have.members([
      ...['network.default_rootless_network_cmd', 'network.pasta_options', 'network.network_backend'],
      'network.dns_fallback',
      ...['network.dns_servers', 'network.dns_searches', 'network.dns_options', 'network.cni_plugin_dirs'],
      ...['engine.network_cmd_path', 'engine.network_cmd_options', 'engine.helper_binaries_dir'],
      ...['rnetns.linger', 'rnetns.log_level'],
    ]);
    const text = await run(['config', '--config', path], { env });
    expect(text.stdout).to.match(/linger\s+0\.5\s+\/.*own\.conf/);
  });

  it('of containers.conf count below those of rnetns.conf', async function () {
    const { env, configure } = freshRuntimeDir(this);
    configure('[rnetns]\nlinger = 0\n');
    const path = file('[network]\ndefault_rootless_network_cmd = "slirp4netns"\n[engine]\nevents_logger = "file"\n');
    const given = { ...env, CONTAINERS_CONF: path };
    const { stdout } = await run(['config', '--json'], { env: given });
    const settings = JSON.parse(stdout) as { key: string; value: unknown; source: string }[];
    expect(settings.find(({ key }) => key === 'network.default_rootless_network_cmd')).to.deep.include({
      value: 'slirp4netns',
      source: path,
    });
    configure('[network]\ndefault_rootless_network_cmd = none\n');
    const planned = await run(['plan', '--json'], { env: given });
    expect((JSON.parse(planned.stdout) as { driver: { name: string } }).driver.name).to.equal('none');
  });

  for (const [what, ini, words] of [
    [
      'network_cmd_options while the driver is pasta',
      'default_rootless_network_cmd = pasta\n[engine]\nnetwork_cmd_options[] = mtu=1400',
      /network_cmd_options of \S+rnetns\.conf has no effect: the driver is pasta/,
    ],
    [
      'pasta_options while the driver is slirp4netns',
      'default_rootless_network_cmd = slirp4netns\npasta_options[] = -4',
      /pasta_options of \S+rnetns\.conf has no effect: the driver is slirp4netns/,
    ],
    [
      'pasta_options where only slirp4netns is found',
      'pasta_options[] = -4\n[engine]\nnetwork_cmd_path = SLIRP4NETNS',
      /pasta_options of \S+rnetns\.conf has no effect: the driver is slirp4netns/,
    ],
    [
      'search domains beside a dot',
      'dns_searches[] = a.example\ndns_searches[] = .',
      /dns_searches\[\] = a\.example of \S+rnetns\.conf has no effect: \. beside it/,
    ],
  ] as const) {
    it(`${what}: a warning where a namespace is made, in plan, config and doctor, and no other`, async function () {
      requires(this, 'slirp4netns');
      const { env, configure } = freshRuntimeDir(this);
      configure(`[network]\n${ini.replace('SLIRP4NETNS', findProgram('slirp4netns') ?? '')}\n`);
      const once = (stderr: string) => {
        expect(stderr.trim().split('\n')).to.have.lengthOf(1);
        expect(stderr).to.match(words);
      };
      const made = await run(['run', '--', 'true'], { env });
      expect(made.status, made.stderr).to.equal(0);
      once(made.stderr);
      for (const args of [['run', '--', 'true'], ['status'], ['stop']]) {
        expect(await run(args, { env })).to.deep.include({ status: 0, stderr: '' });
      }
      for (const command of ['plan', 'config']) once((await run([command, '--json'], { env })).stderr);
      const found = await finding('settings', env);
      expectFinding(found, 'warn', words, /take it out/);
    });
  }

  it('options for both drivers in containers.conf are podman’s, and no reason for a warning', async function () {
    const { env } = freshRuntimeDir(this);
    const both = '[network]\npasta_options = ["-4"]\n[engine]\nnetwork_cmd_options = ["mtu=1400"]\n';
    const given = { ...env, CONTAINERS_CONF: file(both) };
    for (const args of [['run', '--', 'true'], ['plan'], ['config'], ['stop']]) {
      expect(await run(args, { env: given })).to.deep.include({ status: 0, stderr: '' });
    }
    expect(await finding('settings', given)).to.have.property('status', 'ok');
  });

  it('linger = 0: the namespace is gone as soon as the command is', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure('[rnetns]\nlinger = 60\n');
    const env = { ...runtime.env, RNETNS_CONFIG: file('[rnetns]\nlinger = 0\n') };
    expect((await run(['run', '--', 'true'], { env })).status).to.equal(0);
    await gone(runtime);
  });

  it('--log-level debug tells what is done on stderr, and a wrong one is wrong usage', async function () {
    const { env } = freshRuntimeDir(this);
    const { status, stdout, stderr } = await run(['run', '--log-level', 'debug', '--', 'echo', 'ran'], { env });
    expect({ status, stdout }).to.deep.equal({ status: 0, stdout: 'ran\n' });
    expect(stderr).to.include('plan');
    const wrong = await run(['run', '--log-level', 'loud', '--', 'echo', 'ran'], { env });
    expect({ status: wrong.status, stdout: wrong.stdout }).to.deep.equal({ status: 2, stdout: '' });
    expect(wrong.stderr).to.include('debug');
  });

  it('plan tells driver, id maps, mounts in order and resolv.conf, and changes nothing', async function () {
    const { env, configure, dir, stateDir } = freshRuntimeDir(this);
    configure('[network]\nnetwork_backend = cni\n');
    mkdirSync(join(dir, 'rnetns'), { mode: 0o700 });
    const { status, stdout, stderr } = await run(['plan', '--json'], { env });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const plan = JSON.parse(stdout) as Record<string, Record<string, unknown>> & {
      mounts: Record<string, string>[];
      directory: string;
    };
    expect(plan).to.include.keys('driver', 'idMap', 'mounts', 'resolvConf', 'directory');
    expect(plan.driver).to.include.keys('name', 'path', 'args');
    expect(plan.idMap).to.include.keys('uid', 'gid');
    expect(plan.resolvConf).to.include.keys('content', 'mountTarget');
    expect(plan.directory).to.equal(stateDir());
    for (const mount of plan.mounts) expect(mount).to.include.keys('type', 'source', 'target');
    expect(plan.mounts[0]).to.deep.equal({ type: 'rbind', source: dir, target: `${stateDir()}${dir}` });
    expect(plan.mounts.at(-1)?.target).to.equal('/run');
    expect(plan.mounts.at(-2)?.target).to.match(/^\/var\/lib/);
    for (const entry of plan.idMap!.uid as unknown[]) expect(entry).to.have.lengthOf(3);
    expect((plan.idMap!.uid as number[][])[0]).to.deep.equal([0, process.getuid?.(), 1]);
    expect(readdirSync(join(dir, 'rnetns'))).to.deep.equal([]);
  });
});
