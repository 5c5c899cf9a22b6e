/** Names are independent, commands of a namespace can use rnetns themselves, and the launcher works from anywhere. */

import { expect } from 'chai';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { printed } from '../fixtures/netns-facts.js';
import { waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { projectRoot, run, spawnRnetns } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { onTestEnd } from '../fixtures/test-end.js';

const NETNS = ['readlink', '/proc/self/ns/net'];

function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rnetns-nested-'));
  onTestEnd(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The package where commands inside see it as well: the tests' own copy may lie in /run, which is hidden there. */
function installed(): string {
  const dir = join(tempDir(), 'package');
  mkdirSync(dir);
  for (const entry of ['dist', 'scripts', 'configs', 'package.json'])
    cpSync(join(projectRoot, entry), join(dir, entry), { recursive: true });
  cpSync(join(projectRoot, 'node_modules'), join(dir, 'node_modules'), {
    recursive: true,
    filter: (path) =>
      !/node_modules\/(\.bin|typescript|@typescript-eslint|eslint|@esbuild|esbuild|prettier|mocha)(\/|$)/.test(path),
  });
  chmodSync(join(dir, 'scripts/rnetns'), 0o755);
  return join(dir, 'scripts/rnetns');
}

describe('run: names, nesting and installation', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('several names are several namespaces, and one can be stopped without the others', async function () {
    const { env, stateDir } = freshRuntimeDir(this);
    const names = ['one', 'two', 'T.h_r-33'];
    const inside = names.map((name) =>
      spawnRnetns(['run', '--name', name, '--', 'sh', '-c', 'readlink /proc/self/ns/net; exec sleep 60'], { env }),
    );
    const netns = await Promise.all(inside.map((command) => printed(command, /net:.*\n/)));
    expect(new Set(netns)).to.have.lengthOf(3);
    const { stdout } = await run(['list', '--json'], { env });
    const listed = (JSON.parse(stdout) as { name: string; supervisor: { pid: number } }[]).map(
      ({ name, supervisor }) => ({
        name,
        supervisor,
      }),
    );
    expect(listed.map(({ name }) => name)).to.have.members(names);
    expect(new Set(listed.map(({ supervisor }) => supervisor.pid))).to.have.lengthOf(3);

    expect((await run(['stop', '--force', '--name', 'two'], { env })).status).to.equal(0);
    expect(existsSync(stateDir('two'))).to.be.false;
    expect((await run(['run', '-n', 'one', '--', ...NETNS], { env })).stdout).to.equal(netns[0]);
    expect((await run(['run', '-nT.h_r-33', '--', ...NETNS], { env })).stdout).to.equal(netns[2]);
  });

  for (const name of ['', '.', '..', 'a/b', '../x', '-x', '_x', 'a b', 'a\nb', 'ü', 'x'.repeat(65)]) {
    it(`the name ${JSON.stringify(name)} is wrong usage, and nothing is made`, async function () {
      const { env, dir } = freshRuntimeDir(this);
      for (const command of [
        ['run', '--name', name, '--', 'echo', 'ran'],
        ['run', `--name=${name}`, 'echo', 'ran'],
        ['status', '--name', name],
        ['stop', '--name', name],
      ]) {
        const { status, stdout, stderr } = await run(command, { env });
        expect({ status, stdout }, command.join(' ')).to.deep.equal({ status: 2, stdout: '' });
        expect(stderr).to.match(/^rnetns: [^]*name[^]*\nhint: /);
      }
      expect(existsSync(join(dir, 'rnetns'))).to.be.false;
    });
  }

  it('a nested run joins the same namespace', async function () {
    const { env } = freshRuntimeDir(this);
    const rnetns = installed();
    const script = `readlink /proc/self/ns/net /proc/self/ns/user; "$1" run -- sh -c 'readlink /proc/self/ns/net /proc/self/ns/user; id -u; exit 42'; echo "status $?"`;
    const { stdout, stderr } = await run(['run', '--', 'sh', '-c', script, 'sh', rnetns], { env, file: rnetns });
    const [net, user, nestedNet, nestedUser, uid, status] = stdout.split('\n');
    expect(stderr).to.equal('');
    expect([nestedNet, nestedUser, uid, status]).to.deep.equal([net, user, '0', 'status 42']);
  });

  it('three deep, and each is the launcher’s own process', async function () {
    const { env } = freshRuntimeDir(this);
    const rnetns = installed();
    const script = 'exec "$1" run -- "$1" run -- "$1" run -- sh -c "echo \\$\\$; readlink /proc/self/ns/net"';
    const deep = spawnRnetns(['-c', script, 'sh', rnetns], { env, file: '/bin/sh' });
    expect(await deep.ended).to.deep.equal({ status: 0, signal: null });
    expect(deep.stdout()).to.match(new RegExp(`^${deep.pid}\\nnet:`));
  });

  it('a nested run keeps the namespace after the outer one has ended', async function () {
    const { env, configure, stateDir } = freshRuntimeDir(this);
    configure('[rnetns]\nlinger = 0\n');
    const rnetns = installed();
    const nested = 'readlink /proc/self/ns/net; read -r _ <"$2"; readlink /proc/self/ns/net; ip -o link | wc -l';
    const fifo = join(tempDir(), 'fifo');
    await run([fifo], { file: 'mkfifo' });
    const script = `"$1" run -- sh -c '${nested}' sh "$1" "$2" & readlink /proc/self/ns/net`;
    const outer = spawnRnetns(['run', '--', 'sh', '-c', script, 'sh', rnetns, fifo], { env, file: rnetns });
    const { status } = await outer.ended;
    expect(status).to.equal(0);
    const before = await printed(outer, /net:.*\nnet:.*\n/);
    // linger is 0: what is there now is there for the nested command's sake.
    await run(['-c', 'sleep 0.5; echo go >"$1"', 'sh', fifo], { file: '/bin/sh' });
    const text = await printed(outer, /net:.*\nnet:.*\nnet:.*\n\d+\n/);
    expect(new Set(before.trim().split('\n'))).to.have.lengthOf(1);
    expect(text).to.equal(`${before}${before.split('\n')[0]!}\n2\n`);
    await waitFor(() => !existsSync(stateDir()), { what: 'the namespace to go' });
  });

  it('a nested run without XDG_RUNTIME_DIR joins the same namespace', async function () {
    const { env } = freshRuntimeDir(this);
    const rnetns = installed();
    const unset = { ...env, XDG_RUNTIME_DIR: undefined };
    const name = `nested-${process.pid}`;
    onTestEnd(async () => {
      await run(['stop', '--force', '--name', name], { env: unset });
    });
    for (const outer of [unset, { ...env, XDG_RUNTIME_DIR: `/run/user/${process.getuid?.() ?? 0}` }]) {
      if (outer.XDG_RUNTIME_DIR !== undefined && !existsSync(outer.XDG_RUNTIME_DIR)) continue;
      const script =
        'readlink /proc/self/ns/net; unset XDG_RUNTIME_DIR; "$1" run --name "$2" -- readlink /proc/self/ns/net';
      const { stdout, stderr } = await run(['run', '--name', name, '--', 'sh', '-c', script, 'sh', rnetns, name], {
        env: outer,
        file: rnetns,
      });
      const [net, nested] = stdout.split('\n');
      expect(stderr).to.equal('');
      expect(nested).to.equal(net).and.match(/^net:/);
    }
  });

  it('status, list and plan work inside', async function () {
    const { env } = freshRuntimeDir(this);
    const rnetns = installed();
    const script = '"$1" status --json; echo ,; "$1" list --json; echo ,; "$1" plan --json';
    const { stdout, stderr } = await run(['run', '--', 'sh', '-c', script, 'sh', rnetns], { env, file: rnetns });
    expect(stderr).to.equal('');
    const [status, list, plan] = JSON.parse(`[${stdout}]`) as [
      { state: string },
      { state: string }[],
      { directory: string },
    ];
    expect(status.state).to.equal('running');
    expect(list).to.have.lengthOf(1);
    expect(plan).to.have.property('directory');
  });

  it('`unshare` has uid 0, the host’s network, and may mount', async function () {
    const { env } = freshRuntimeDir(this);
    const outside = await run(['/proc/self/ns/net', '/proc/self/ns/user'], { file: 'readlink' });
    const script = 'readlink /proc/self/ns/net /proc/self/ns/user; id -u; mount -t tmpfs tmpfs /mnt && echo mounted';
    const { status, stdout, stderr } = await run(['unshare', '--', 'sh', '-c', script], { env });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const [net, user, uid, mounted] = stdout.split('\n');
    expect(net).to.equal(outside.stdout.split('\n')[0]);
    expect(user).to.not.equal(outside.stdout.split('\n')[1]);
    expect([uid, mounted]).to.deep.equal(['0', 'mounted']);
    const ended = await run(['unshare', '--', 'sh', '-c', 'grep -c " /mnt " /proc/self/mountinfo; exit 42'], { env });
    expect({ status: ended.status, stdout: ended.stdout }).to.deep.equal({ status: 42, stdout: '0\n' });
  });

  it('mounts of one command are not seen by another, nor on the host', async function () {
    const { env, dir } = freshRuntimeDir(this);
    const first = spawnRnetns(['run', '--', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt && echo mounted; exec sleep 60'], {
      env,
    });
    await printed(first, 'mounted\n');
    for (const command of [['run'], ['unshare']]) {
      const { stdout } = await run([...command, '--', 'grep', '-c', ' /mnt ', '/proc/self/mountinfo'], { env });
      expect(stdout).to.equal('0\n');
    }
    const host = await run([dir, '/proc/self/mountinfo'], { file: 'grep' });
    expect(host.stdout).to.equal('');
  });

  it('works through a link, a chain of links, a relative path, and as npm install -g links it', async function () {
    const { env } = freshRuntimeDir(this);
    const dir = tempDir();
    symlinkSync(join(projectRoot, 'scripts/rnetns'), join(dir, 'direct'));
    symlinkSync('direct', join(dir, 'chain'));
    mkdirSync(join(dir, 'lib/node_modules'), { recursive: true });
    mkdirSync(join(dir, 'bin'));
    symlinkSync(projectRoot, join(dir, 'lib/node_modules/rnetns'));
    symlinkSync('../lib/node_modules/rnetns/scripts/rnetns', join(dir, 'bin/rnetns'));
    for (const [file, cwd] of [
      [join(dir, 'direct'), '/'],
      [join(dir, 'chain'), '/'],
      ['./chain', dir],
      ['scripts/rnetns', projectRoot],
      ['./rnetns', join(projectRoot, 'scripts')],
      ['../scripts/rnetns', join(projectRoot, 'dist')],
      [join(dir, 'bin/rnetns'), '/'],
    ] as const) {
      const cold = await run(['run', '--', 'sh', '-c', 'exit 42'], { env, file, cwd });
      expect({ status: cold.status, stderr: cold.stderr }, `${file} cold`).to.deep.equal({ status: 42, stderr: '' });
      const warm = await run(['run', '--', 'sh', '-c', 'exit 42'], { env, file, cwd });
      expect({ status: warm.status, stderr: warm.stderr }, `${file} warm`).to.deep.equal({ status: 42, stderr: '' });
      const stopped = await run(['stop'], { env, file, cwd });
      expect({ status: stopped.status, stderr: stopped.stderr }, file).to.deep.equal({ status: 0, stderr: '' });
    }
    // By name, through PATH, and as a script that sh is given.
    const byName = await run(['-c', 'rnetns run -- sh -c "exit 42"'], {
      env: { ...env, PATH: `${dir}/bin:${env.PATH!}` },
      file: '/bin/sh',
    });
    expect({ status: byName.status, stderr: byName.stderr }).to.deep.equal({ status: 42, stderr: '' });
    const bySh = await run([join(dir, 'bin/rnetns'), 'run', '--', 'sh', '-c', 'exit 42'], { env, file: '/bin/sh' });
    expect({ status: bySh.status, stderr: bySh.stderr }).to.deep.equal({ status: 42, stderr: '' });
  });
});
