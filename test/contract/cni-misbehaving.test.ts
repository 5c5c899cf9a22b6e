/** Plugins, configurations and callers that are wrong: an error with a code of the specification, and nothing left. */

import { expect } from 'chai';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  add,
  cni,
  fresh,
  leftovers,
  listWith,
  pluginDirectory,
  ping,
  references,
  succeed,
} from '../fixtures/cni/shared.js';
import { statusOf } from '../fixtures/netns-facts.js';
import { say } from '../fixtures/cni/plugins.js';
import { alive, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run, type RunResult } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

interface CniFailure {
  code: string;
  message: string;
  hint: string | null;
  cni: { cniVersion: string; code: number; msg: string; details: string };
}

/** The error of a call with --json that failed as rnetns does. */
function failureOf({ status, stdout, stderr }: RunResult): CniFailure {
  expect({ status, stdout }, stderr).to.deep.equal({ status: 125, stdout: '' });
  const { error } = JSON.parse(stderr.split('\n').find((line) => line.startsWith('{"error":')) ?? '') as {
    error: CniFailure;
  };
  expect(error.code).to.equal('ERR_CNI');
  return error;
}

/** A namespace with the container `web`, and the list `broken`: bridge, host-local and a plugin `odd` of this body. */
async function withPlugin(context: Mocha.Context, odd: string): Promise<RuntimeDir> {
  const plugins = pluginDirectory('odd', odd);
  const settings = `[network]\ncni_plugin_dirs[] = /usr/lib/cni\ncni_plugin_dirs[] = ${plugins}`;
  const runtime = fresh(context, { broken: listWith('odd') }, settings);
  await succeed(runtime, 'netns', 'add', 'web');
  return runtime;
}

async function expectNothingLeft(runtime: RuntimeDir): Promise<void> {
  expect(await leftovers(runtime)).to.equal('');
  expect(await references(runtime)).to.deep.equal([['netns:web', 1]]);
  expect(await succeed(runtime, 'netns', 'exec', 'web', 'ip', '-brief', 'link')).to.not.include('eth0');
}

async function end(runtime: RuntimeDir): Promise<void> {
  await expectNothingLeft(runtime);
  await succeed(runtime, 'netns', 'delete', 'web');
  await gone(runtime);
}

/** Do what a hint says, in a shell. */
async function obey({ env }: RuntimeDir, hint: string | null | undefined): Promise<void> {
  const file = '/bin/sh';
  const command = (hint ?? '').replace(/^[^:]*: /, '');
  const { status, stderr } = await run(['-c', command], {
    file,
    env: { ...env, PATH: `${dirname(launcher)}:${env.PATH ?? ''}` },
    timeoutMs: 90_000,
  });
  expect({ status, stderr }, command).to.deep.equal({ status: 0, stderr: '' });
}

const onlyAdd = (body: string): string => `[ "$CNI_COMMAND" = ADD ] || exit 0\n${body}`;

describe('cni, where something is wrong', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins');
  });

  for (const [what, body, code] of [
    ['returns an error object', `cat >/dev/null; ${say({ code: 123, msg: 'no', details: 'not today' })}; exit 1`, 123],
    ['prints garbage', 'cat >/dev/null; echo garbage', 6],
    ['fails and prints garbage', 'echo garbage; exit 1', 6],
    ['prints nothing', 'cat >/dev/null', 6],
    ['crashes', 'kill -SEGV $$', 5],
    ['prints 10 MB', 'cat >/dev/null; head -c 10000000 /dev/zero', 6],
    ['succeeds in an unknown version', `cat >/dev/null; ${say({ cniVersion: '9.9.9', ips: [] })}`, 1],
    ['answers with an address that is none', say({ cniVersion: '1.0.0', ips: [{ address: 'nowhere' }] }), 6],
  ] as const) {
    it(`a plugin that ${what} is an error with code ${code}; what was added before is taken away`, async function () {
      const runtime = await withPlugin(this, onlyAdd(body));
      const error = failureOf(await cni(runtime, 'add', 'broken', 'id-web', 'web', '--json'));
      expect(error.cni.code, error.message).to.equal(code);
      expect(error.message).to.match(/^adding eth0 of id-web to network broken failed on plugin odd: /);
      await end(runtime);
    });
  }

  it('a plugin that is no program is an error with code 5 that says so; one that is being replaced is waited for', async function () {
    const plugins = pluginDirectory('odd', `cat >/dev/null; ${say({ cniVersion: '1.0.0' })}`);
    const file = join(plugins, 'odd');
    const settings = `[network]\ncni_plugin_dirs[] = /usr/lib/cni\ncni_plugin_dirs[] = ${plugins}`;
    const runtime = fresh(this, { broken: listWith('odd') }, settings);
    await succeed(runtime, 'netns', 'add', 'web');
    chmodSync(file, 0o644);
    const error = failureOf(await cni(runtime, 'add', 'broken', 'id-web', 'web', '--json'));
    expect(error.cni).to.include({ code: 5, msg: `cannot start ${file}: EACCES` });
    expect(error.hint).to.include(`ls -l ${file}`);
    await expectNothingLeft(runtime);

    chmodSync(file, 0o755);
    const writer = openSync(file, 'r+');
    const added = succeed(runtime, 'cni', 'add', 'broken', 'id-web', 'web');
    await sleep(1500);
    closeSync(writer);
    expect(await added).to.include('cniVersion');
    await succeed(runtime, 'cni', 'del', 'broken', 'id-web', 'web');
    await end(runtime);
  });

  it('a plugin that hangs is killed at the limit with its children, on a failed DEL as well', async function () {
    const pids = mkdtempSync('/tmp/rnetns-pids-');
    onTestEnd(() => rmSync(pids, { recursive: true }));
    const body = `sleep 600 & echo $! >${pids}/child.$CNI_COMMAND; echo $$ >${pids}/self.$CNI_COMMAND; wait`;
    const runtime = await withPlugin(this, `[ -e ${pids}/mended ] && exit 0\n${body}`);
    const begin = performance.now();
    const result = await cni(runtime, 'add', 'broken', 'id-web', 'web', '--timeout', '1.5', '--json');
    expect(performance.now() - begin).to.be.below(30_000);
    const error = failureOf(result);
    expect(error.cni.code).to.equal(11);
    expect(error.message).to.match(/failed on plugin odd: the plugin did not end within 1\.5 s and was killed$/);
    for (const file of ['child.ADD', 'self.ADD', 'child.DEL', 'self.DEL']) {
      const pid = Number(readFileSync(join(pids, file), 'utf8'));
      await waitFor(() => !alive(pid), { what: `the end of ${file}` });
    }
    // The bridge's DEL was done in spite of that, and what odd may have left is remembered.
    const there = await leftovers(runtime);
    expect(there).to.match(/^\S*\/results\/broken-id-web-eth0\n$/);
    writeFileSync(join(pids, 'mended'), '');
    await succeed(runtime, 'cni', 'gc', 'broken');
    await end(runtime);
  });

  it('a caller that is wrong gets a code of the specification, and an attachment that is there stays', async function () {
    const runtime = fresh(this, { missing: listWith('nonesuch'), none: { name: 'none', plugins: [] } });
    const file = join(runtime.env.XDG_CONFIG_HOME ?? '', 'cni/net.d/50-torn.conflist');
    writeFileSync(file, '{"name": "torn", "plugins": [{"type": "bridge"');
    await succeed(runtime, 'netns', 'add', 'web');
    await succeed(runtime, 'netns', 'add', 'other');
    const { keeper } = await statusOf(runtime.env);
    for (const [code, words, ...args] of [
      [7, /no network configuration with name "torn".*50-torn\.conflist cannot be used: no JSON/, 'torn', 'c', 'web'],
      [7, /none\.conflist cannot be used: no plugins in list/, 'none', 'c', 'web'],
      [7, /failed to find plugin "nonesuch" in path /, 'broken', 'c', 'web'],
      [4, /interface name is too long/, 'rnetns', 'c', 'web', '--ifname', 'averyveryverylongname'],
      [4, /interface name contains/, 'rnetns', 'c', 'web', '--ifname', 'a/b'],
      [4, /interface name contains/, 'rnetns', 'c', 'web', '--ifname', 'a\nb'],
      [4, /interface name is \. or \.\./, 'rnetns', 'c', 'web', '--ifname', '..'],
      [8, /no network namespace: there is no such file inside/, 'rnetns', 'c', 'nonesuch'],
      [8, /no network namespace: there is no such file inside/, 'rnetns', 'c', '/run/no such\nfile'],
      [8, /\/etc\/passwd is no network namespace/, 'rnetns', 'c', '/etc/passwd'],
      [8, /cannot look into \/proc\/self\/ns\/net: it can't be entered: /, 'rnetns', 'c', '/proc/self/ns/net'],
      [8, /is the shared network namespace itself/, 'rnetns', 'c', `/proc/${keeper?.pid ?? 0}/ns/net`],
      [4, /invalid pair "FOO" in CNI_ARGS/, 'rnetns', 'c', 'web', '--args', 'FOO'],
      [999, /ARGS: unknown args \["FOO=BAR"\]/, 'rnetns', 'c', 'web', '--args', 'FOO=BAR'],
    ] as const) {
      const error = failureOf(await cni(runtime, 'add', ...args, '--json'));
      expect(error.message, error.message).to.match(words);
      expect(error.cni.code, error.message).to.equal(code);
    }
    await succeed(runtime, 'netns', 'delete', 'other');
    await expectNothingLeft(runtime);
    for (const name of ['50-torn', 'none']) rmSync(file.replace('50-torn', name));

    const args = ['--args', 'IgnoreUnknown=1;FOO=BAR;IP=10.89.0.77'];
    expect(await add(runtime, 'web', ...args)).to.equal('10.89.0.77');
    const hints: string[] = [];
    for (const id of ['id-web', 'another']) {
      const error = failureOf(await cni(runtime, 'add', 'rnetns', id, 'web', '--json'));
      expect(error.cni.code, error.message).to.equal(4);
      hints.push(error.hint ?? '');
    }
    await ping(runtime, 'web', '10.89.0.1');
    expect(hints[0]).to.equal('to take that off first: rnetns cni del rnetns id-web --ifname=eth0').and.equal(hints[1]);
    await obey(runtime, hints[0]);
    await end(runtime);
  });

  it('the hint of a refused add does what it says as it stands, for another namespace and other settings', async function () {
    const runtime = fresh(this);
    const settings = join(runtime.env.XDG_CONFIG_HOME ?? '', "it's.conf");
    writeFileSync(settings, '[rnetns]\nlinger = 0\n');
    const lab = ['--config', settings, '--name', 'lab'];
    await succeed(runtime, 'netns', 'add', 'web', ...lab);
    await add(runtime, 'web', '--ifname', 'a$b', ...lab);
    const error = failureOf(await cni(runtime, 'add', 'rnetns', 'other', 'web', '--ifname', 'a$b', '--json', ...lab));
    await obey(runtime, error.hint);
    const listed = JSON.parse(await succeed(runtime, 'cni', 'list', '--json', ...lab)) as { attachments: object[] }[];
    expect(listed.flatMap(({ attachments }) => attachments)).to.deep.equal([]);
    await succeed(runtime, 'netns', 'delete', 'web', ...lab);
    await gone(runtime);
  });

  it('a container id that is no file name is refused before a namespace is made', async function () {
    const runtime = fresh(this);
    const cases = [
      ...['../x', 'a b', '', '-x', 'x'.repeat(129)].map((id) => ['rnetns', id] as const),
      ...[['rnetns', 'a b', 'del'] as const, ['a b', 'c', 'del'] as const, ['rnetns', 'a b', 'check'] as const],
    ];
    for (const [network, id, verb = 'add'] of cases) {
      const error = failureOf(await cni(runtime, verb, '--json', '--', network, id, 'web'));
      expect(error.cni.code, error.message).to.equal(network === 'rnetns' ? 4 : 7);
      expect(error.message).to.match(
        /^(add|delet|check)ing eth0 of .* failed: .*(containerID|in network name|too long: 129 characters)/,
      );
      expect(error.hint, error.message).to.match(/letters and digits|up to 128/);
      expect(existsSync(runtime.stateDir()), id).to.be.false;
    }
  });

  it('check of an unknown network says where it was looked for, and check and del name the network’s file that was left out', async function () {
    const runtime = fresh(this, { second: { ...listWith('portmap'), name: 'second' } });
    const directory = join(runtime.env.XDG_CONFIG_HOME ?? '', 'cni/net.d');
    await succeed(runtime, 'netns', 'add', 'web');
    await succeed(runtime, 'cni', 'add', 'second', 'id-web', 'web');
    const torn = join(directory, 'second.conflist');
    writeFileSync(torn, '{"name": "second"');
    const error = failureOf(await cni(runtime, 'check', 'nope', 'c', 'web', '--json'));
    expect(error.cni.code).to.equal(7);
    expect(error.message).to.include(
      `: its configuration is not in the cache, and there is no network configuration with name "nope" in ${directory} or /etc/cni/net.d; ${torn} cannot be used: no JSON`,
    );
    // The machine may have others in /etc/cni/net.d.
    expect(error.hint).to.match(/^networks that are there: rnetns(, |$)/);
    for (const args of [
      ['check', 'rnetns', 'c'],
      ['check', 'second', 'id-web'],
      ['del', 'second', 'id-web'],
    ]) {
      const { status, stderr } = await cni(runtime, ...args);
      expect(status, stderr).to.equal(args[1] === 'rnetns' ? 125 : 0);
      // A file that has nothing to do with the network is no news.
      if (args[1] === 'rnetns') expect(stderr).to.not.include(torn);
      else expect(stderr).to.match(new RegExp(`^[^\n]*${torn} (is left out|cannot be used): no JSON`, 'm'));
    }
    await end(runtime);
  });

  it('a plugin directory that cannot be written, or is none, is refused with what to do about that one', async function () {
    const runtime = fresh(this);
    const base = mkdtempSync("/tmp/rnetns-it's-");
    onTestEnd(() => rmSync(base, { recursive: true }));
    const [closed, missing, file] = ['closed', 'missing', 'file'].map((name) => join(base, name)) as [
      string,
      string,
      string,
    ];
    mkdirSync(closed, { mode: 0o500 });
    writeFileSync(file, '');
    for (const [directory, why, hint] of [
      [closed, 'permission denied (EACCES)', /^name a plugin directory that you may write; or as root: sudo \S+ cni /],
      [missing, 'no such file or directory (ENOENT)', /^mkdir -p '\/tmp\/rnetns-it'\\''s-.*\/missing'$/],
      [file, 'not a directory (ENOTDIR)', /^name the directory/],
    ] as const) {
      const error = failureOf(await cni(runtime, 'install', directory, '--json'));
      expect(error.message).to.equal(`cannot install the plugin in ${directory}: ${why}`);
      expect(error.hint).to.match(hint);
    }
    writeFileSync(join(base, 'rnetns'), 'of somebody else');
    expect(failureOf(await cni(runtime, 'install', base, '--json')).message).to.match(/was not made by rnetns$/);
    expect(existsSync(runtime.stateDir())).to.equal(false);
  });

  it('each plugin gets the environment of the specification and PATH, whatever the caller has', async function () {
    const seen = mkdtempSync('/tmp/rnetns-seen-');
    onTestEnd(() => rmSync(seen, { recursive: true }));
    const body = `tr '\\0' '\\n' </proc/$$/environ | sort >${seen}/$CNI_COMMAND; cat >/dev/null`;
    const runtime = await withPlugin(this, `${body}; [ $CNI_COMMAND != ADD ] || ${say({ cniVersion: '1.0.0' })}`);
    Object.assign(runtime.env, {
      DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/run/x',
      CNI_NETNS_OVERRIDE: '1',
      LD_DEBUG_X: 'y',
    });
    await succeed(runtime, 'cni', 'add', 'broken', 'id-web', 'web', '--args', 'IgnoreUnknown=1;A=b');
    await succeed(runtime, 'cni', 'del', 'broken', 'id-web', 'web');
    for (const verb of ['ADD', 'DEL']) {
      const environment = Object.fromEntries(
        readFileSync(join(seen, verb), 'utf8')
          .trim()
          .split('\n')
          .map((line) => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)]),
      );
      const { PATH = '', CNI_PATH = '', ...rest } = environment;
      expect(PATH.split(':')).to.include('/usr/sbin');
      expect(CNI_PATH).to.match(/^\/usr\/lib\/cni:/);
      expect(rest).to.deep.equal({
        CNI_COMMAND: verb,
        CNI_CONTAINERID: 'id-web',
        CNI_NETNS: join(runtime.dir, 'netns', 'web'),
        CNI_IFNAME: 'eth0',
        CNI_ARGS: 'IgnoreUnknown=1;A=b',
      });
    }
    await end(runtime);
  });
});
