/** The programs in examples/ do what they say, run as their headers tell. */

import { expect } from 'chai';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openIn } from '../fixtures/library.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { projectRoot, run, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, startCommand, type Command } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const example = (name: string): string => join(projectRoot, 'examples', name);

/** A directory that commands inside see too: /run, where the tests' own copy may lie, is replaced there. */
function visibleDir(): string {
  const dir = mkdtempSync('/tmp/rnetns-examples-');
  onTestEnd(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

describe('examples/toy-runtime.mjs', () => {
  it('connects two containers by a bridge, shows that they reach each other, and cleans up', async function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox');
    const runtime = freshRuntimeDir(this);
    openIn(runtime);
    // ping(8), whether the machine has it or not.
    const bin = visibleDir();
    symlinkSync(findProgram('busybox') ?? '', join(bin, 'ping'));
    const { status, stdout, stderr } = await run([example('toy-runtime.mjs')], {
      file: process.execPath,
      env: { ...runtime.env, PATH: `${bin}:${process.env.PATH ?? ''}` },
    });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const lines = [
      'web is at 10\\.99\\.0\\.2, process \\d+',
      'db is at 10\\.99\\.0\\.3, process \\d+',
      'web to db: 64 bytes from 10\\.99\\.0\\.3: .*',
      'db to web: 64 bytes from 10\\.99\\.0\\.2: .*',
      'the namespace is running, with 2 references',
      'the namespace is down',
    ];
    expect(stdout).to.match(new RegExp(`^${lines.join('\n')}\n$`));
    await gone(runtime);
  });
});

/** A CNI plugin with just what is tested: a veth(4) between the namespace that it runs in and CNI_NETNS. */
const PLUGIN = `#!/bin/sh
set -eu
conf=$(cat)
fail() {
  printf '{"cniVersion":"1.0.0","code":123,"msg":"%s"}\\n' "$1"
  exit 1
}
case $conf in *'"refuse":"'$CNI_COMMAND'"'*) fail "$CNI_COMMAND was refused" ;; esac
case $CNI_COMMAND in
  ADD)
    ip link add tst0 type veth peer name "$CNI_IFNAME" netns "$CNI_NETNS" || fail 'no veth'
    ip addr add 10.98.0.1/24 dev tst0
    ip link set tst0 up
    nsenter --net="$CNI_NETNS" ip addr add 10.98.0.2/24 dev "$CNI_IFNAME"
    nsenter --net="$CNI_NETNS" ip link set "$CNI_IFNAME" up
    printf '{"cniVersion":"1.0.0","ips":[{"address":"10.98.0.2/24"}],"name":"%s"}\\n' "$(printf %s "$conf" | jq -r .name)"
    ;;
  CHECK) ip link show tst0 >/dev/null 2>&1 || fail 'no tst0' ;;
  DEL) ip link del tst0 2>/dev/null || : ;;
esac
`;

describe('examples/cni-wrapper.mjs', () => {
  const config = { cniVersion: '1.0.0', name: 'lab', type: 'cni-wrapper.mjs', delegate: { type: 'veth' } };

  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'jq');
  });

  /** Calls of it as a container runtime makes them. */
  function cni(runtime: RuntimeDir) {
    const path = visibleDir();
    writeFileSync(join(path, 'veth'), PLUGIN);
    chmodSync(join(path, 'veth'), 0o755);
    return (command: string | undefined, conf: unknown, more: NodeJS.ProcessEnv = {}): Promise<RunResult> =>
      run([], {
        file: example('cni-wrapper.mjs'),
        input: typeof conf === 'string' ? conf : JSON.stringify(conf),
        env: {
          ...runtime.env,
          CNI_COMMAND: command,
          CNI_CONTAINERID: 'web',
          CNI_IFNAME: 'eth0',
          CNI_NETNS: '',
          CNI_PATH: `/nowhere:${path}`,
          ...more,
        },
      });
  }

  /** A process with a network namespace of its own, in the user namespace of the shared one. */
  async function container(runtime: RuntimeDir): Promise<Command & { path: string }> {
    const command = await startCommand(runtime, 'exec unshare --net sh -c "echo own; exec cat"', [], 'own');
    return { ...command, path: `/proc/${command.pid}/ns/net` };
  }

  it('ADD runs the delegate inside and counts the attachment; CHECK finds it; DEL ends it', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const call = cni(runtime);
    const web = await container(runtime);
    const env = { CNI_NETNS: web.path };

    const add = await call('ADD', config, env);
    expect({ status: add.status, stderr: add.stderr }, add.stdout).to.deep.equal({ status: 0, stderr: '' });
    expect(JSON.parse(add.stdout)).to.deep.equal({
      cniVersion: '1.0.0',
      ips: [{ address: '10.98.0.2/24' }],
      name: 'lab',
    });
    expect((await netns.status()).references?.map(({ id, nets }) => ({ id, nets }))).to.deep.equal([
      { id: 'web.eth0', nets: 1 },
    ]);
    const inside = await netns.run('nsenter', [`--net=${web.path}`, 'ip', '-brief', '-4', 'addr', 'show', 'eth0']);
    expect(inside.stdout).to.match(/^eth0@\S+ +UP +10\.98\.0\.2\/24/);
    expect((await call('CHECK', config, env)).status).to.equal(0);

    // The reference keeps the namespace after the container has ended without a DEL.
    await web.finish();
    expect(await netns.status()).to.include({ state: 'running', refCount: 1 });
    const del = await call('DEL', config, env);
    expect({ status: del.status, stderr: del.stderr }).to.deep.equal({ status: 0, stderr: '' });
    await gone(runtime);
    expect((await call('DEL', config, env)).status, 'once more').to.equal(0);
    await gone(runtime);
  });

  it("has the delegate's error as its own, and counts or drops nothing then", async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const call = cni(runtime);
    const refusing = (command: string) => ({ ...config, delegate: { type: 'veth', refuse: command } });
    const web = await container(runtime);
    const env = { CNI_NETNS: web.path };
    expect((await call('ADD', config, env)).status).to.equal(0);
    for (const [command, id] of [
      ['ADD', 'db'],
      ['DEL', 'web'],
    ] as const) {
      const { status, stdout } = await call(command, refusing(command), { ...env, CNI_CONTAINERID: id });
      expect({ status, error: JSON.parse(stdout) as unknown }).to.deep.equal({
        status: 1,
        error: { cniVersion: '1.0.0', code: 123, msg: `${command} was refused` },
      });
      expect((await netns.status()).references?.map((reference) => reference.id)).to.deep.equal(['web.eth0']);
    }
    expect((await call('DEL', config, env)).status).to.equal(0);
    await web.finish();
    await gone(runtime);
  });

  it('VERSION needs no namespace, and what is wrong is an error object of the specification', async function () {
    const runtime = freshRuntimeDir(this);
    const call = cni(runtime);
    const version = await call('VERSION', { cniVersion: '1.0.0' });
    expect(JSON.parse(version.stdout)).to.deep.include({ cniVersion: '1.0.0' });
    expect((JSON.parse(version.stdout) as { supportedVersions: string[] }).supportedVersions).to.include('1.0.0');

    const wrong: [code: number, words: RegExp, result: Promise<RunResult>][] = [
      [4, /CNI_COMMAND is not set/, call(undefined, config)],
      [4, /FROB is not supported/, call('FROB', config)],
      [4, /CNI_CONTAINERID is not set/, call('ADD', config, { CNI_CONTAINERID: '' })],
      [6, /cannot decode/, call('ADD', '{')],
      [7, /delegate\.type is missing/, call('ADD', { ...config, delegate: undefined })],
      [7, /nosuch is not in /, call('ADD', { ...config, delegate: { type: 'nosuch' } })],
      [100, /bad id "-web\.eth0"/, call('ADD', config, { CNI_CONTAINERID: '-web' })],
    ];
    for (const [code, words, result] of wrong) {
      const { status, stdout, stderr } = await result;
      expect({ status, stderr }, String(words)).to.deep.equal({ status: 1, stderr: '' });
      const error = JSON.parse(stdout) as { code: number; msg: string; cniVersion: string };
      expect(error.code, stdout).to.equal(code);
      expect(error.msg).to.match(words);
      expect(error.cniVersion).to.match(/^1\./);
    }
    await gone(runtime);
  });
});
