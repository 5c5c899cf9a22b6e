/** What the host lacks: programs, /dev/net/tun, user namespaces. Each is said, with what to do, and nothing is left. */

import { expect } from 'chai';
import { mkdtempSync, rmSync } from 'node:fs';
import { expectRefused, snapshot } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { directoryOfPrograms, gone } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** All that rnetns starts, and `true` and `sleep` for the tests. */
const PROGRAMS = [
  ...[
    'sh',
    'node',
    'flock',
    'setsid',
    'nsenter',
    'unshare',
    'mount',
    'umount',
    'ip',
    'mkdir',
    'mkfifo',
    'readlink',
    'rm',
    'rmdir',
  ],
  ...[
    'mv',
    'cat',
    'head',
    'date',
    'sleep',
    'dd',
    'find',
    'timeout',
    'newuidmap',
    'newgidmap',
    'getsubids',
    'pasta',
    'slirp4netns',
    'true',
  ],
];

function fresh(context: Mocha.Context, settings = ''): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure(`${settings}\n[rnetns]\nlinger = 0\n`);
  return runtime;
}

/** PATH with all that is needed but these; /usr/sbin, which rnetns appends to it, excepted. */
function without(runtime: RuntimeDir, ...missing: string[]): NodeJS.ProcessEnv {
  // Not below /run, which is another one inside.
  const parent = mkdtempSync('/tmp/rnetns-path-');
  onTestEnd(() => rmSync(parent, { recursive: true }));
  const PATH = directoryOfPrograms(
    parent,
    PROGRAMS.filter((program) => !missing.includes(program)),
  );
  return { ...runtime.env, PATH };
}

/** The launcher, by root of a new user namespace that has done `setUp` first. */
async function runInUserns(setUp: string, command: string, env: NodeJS.ProcessEnv): Promise<RunResult> {
  const script = `set -e; PATH=$PATH:/usr/sbin; ${setUp}\nexec ${command}`;
  return run(['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', launcher], {
    env,
    file: '/usr/bin/unshare',
  });
}

async function expectNothingLeft(runtime: RuntimeDir): Promise<void> {
  await gone(runtime);
  expect(Object.keys(snapshot(runtime.dir)).filter((file) => file !== '' && file !== 'rnetns')).to.deep.equal([]);
}

describe('on a host', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip');
  });

  it('with only what rnetns needs in PATH, it works', async function () {
    const runtime = fresh(this);
    const { status, stderr } = await run(['run', '--', 'true'], { env: without(runtime) });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    await gone(runtime);
  });

  it('without newuidmap, it works with the caller alone in the id map', async function () {
    const runtime = fresh(this);
    const env = without(runtime, 'newuidmap', 'newgidmap', 'getsubids');
    const { status, stdout, stderr } = await run(['run', '--', '/bin/cat', '/proc/self/uid_map'], { env });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    // As the outer user namespace, the parent, has it.
    expect(stdout.trim().split(/\s+/)).to.deep.equal(['0', '0', '1']);
    await gone(runtime);
  });

  for (const [program, words] of [
    ['node', /node was not found in PATH/],
    ['flock', /flock/],
    ['nsenter', /nsenter/],
    ['unshare', /unshare/],
    ['mount', /mount/],
  ] as const) {
    it(`without ${program}, it is named, and nothing is left`, async function () {
      const runtime = fresh(this);
      const result = await run(['run', '--', 'true'], { env: without(runtime, program) });
      expectRefused(result, words);
      await expectNothingLeft(runtime);
    });
  }

  it('without ip, it is named, and nothing is left', async function () {
    const runtime = fresh(this);
    const result = await runInUserns('mount -t tmpfs tmpfs /usr/sbin', '"$1" run -- true', without(runtime, 'ip'));
    expectRefused(result, /\bip\b/);
    await expectNothingLeft(runtime);
  });

  it('without pasta and slirp4netns, both are named, and nothing is left', async function () {
    const runtime = fresh(this, '[engine]\nhelper_binaries_dir[] = /nonexistent');
    const result = await run(['run', '--', 'true'], { env: without(runtime, 'pasta', 'slirp4netns') });
    expectRefused(result, /pasta.*slirp4netns[^]*hint: .*(passt|install)/);
    await expectNothingLeft(runtime);
  });

  for (const [driver, other] of [
    ['pasta', 'slirp4netns'],
    ['slirp4netns', 'pasta'],
  ] as const) {
    it(`with ${other} but not ${driver}, which is asked for: it is named, and nothing is left`, async function () {
      const settings = `[network]\ndefault_rootless_network_cmd = ${driver}\n[engine]\nhelper_binaries_dir[] = /nonexistent`;
      const runtime = fresh(this, settings);
      const result = await run(['run', '--', 'true'], { env: without(runtime, driver) });
      expectRefused(result, new RegExp(driver));
      await expectNothingLeft(runtime);
    });
  }

  for (const driver of ['pasta', 'slirp4netns'] as const) {
    it(`without /dev/net/tun, it is named as what ${driver} lacks, and nothing is left`, async function () {
      requires(this, driver);
      const runtime = fresh(this, `[network]\ndefault_rootless_network_cmd = ${driver}`);
      const result = await runInUserns('mount -t tmpfs tmpfs /dev/net', '"$1" run -- true', runtime.env);
      expectRefused(result, new RegExp(`${driver}.*/dev/net/tun does not exist[^]*hint: .*modprobe tun`));
      await expectNothingLeft(runtime);
    });

    it(`where /dev/net/tun may not be opened, it is named as what ${driver} lacks, and nothing is left`, async function () {
      requires(this, driver, 'unprivileged');
      const runtime = fresh(this, `[network]\ndefault_rootless_network_cmd = ${driver}`);
      // A file that only the host's root may open stands for a node of mode 0600.
      const setUp = 'mount --bind /etc/shadow /dev/net/tun';
      const result = await runInUserns(setUp, '"$1" run -- true', runtime.env);
      expectRefused(result, new RegExp(`${driver}.*/dev/net/tun may not be opened[^]*hint: .*chmod 666 /dev/net/tun`));
      await expectNothingLeft(runtime);
    });
  }

  it('with user namespaces off, the sysctl is named, and nothing is left', async function () {
    const runtime = fresh(this);
    // Without CAP_SYS_ADMIN the namespace that it is in will not do.
    const command = 'setpriv --bounding-set -sys_admin --inh-caps=-all -- "$1" run -- true';
    const result = await runInUserns('echo 0 >/proc/sys/user/max_user_namespaces', command, runtime.env);
    expectRefused(result, /cannot make a user namespace[^]*hint: .*sysctl user\.max_user_namespaces=/);
    await expectNothingLeft(runtime);
  });

  it('with no file descriptor below 10 free, it says so', async function () {
    const runtime = fresh(this);
    const open = [3, 4, 5, 6, 7, 8, 9].map((fd) => `exec ${fd}</dev/null`).join('; ');
    const result = await run(['-c', `${open}; exec "$0" run -- true`, launcher], { env: runtime.env, file: 'sh' });
    expectRefused(result, /descriptor/);
    await expectNothingLeft(runtime);
  });

  it('in an existing user namespace with CAP_SYS_ADMIN, it makes only that of the commands', async function () {
    const runtime = fresh(this);
    const result = await runInUserns(
      'readlink /proc/self/ns/user',
      '"$1" unshare -- readlink /proc/self/ns/user; "$1" run -- readlink /proc/self/ns/user',
      runtime.env,
    );
    const [existing, outer, inner] = result.stdout.split('\n');
    expect({ status: result.status, stderr: result.stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(outer).to.equal(existing);
    expect(inner).to.not.equal(existing);
    await gone(runtime);
  });

  it('in one that allows no other inside, it works without that of the commands', async function () {
    const runtime = fresh(this);
    const result = await runInUserns(
      'echo 0 >/proc/sys/user/max_user_namespaces; readlink /proc/self/ns/user',
      '"$1" run -- readlink /proc/self/ns/user; "$1" run -- ip link add b0 type bridge',
      runtime.env,
    );
    const [existing, inner] = result.stdout.split('\n');
    expect({ status: result.status, stderr: result.stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(inner).to.equal(existing);
    await gone(runtime);
  });
});
