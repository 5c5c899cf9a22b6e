/** Named network namespaces: `netns add|delete|list|exec|pids|identify|attach`. */

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { privateHost } from '../fixtures/private-host.js';
import { namespaceInode, waitFor } from '../fixtures/processes.js';
import { expectRefused } from '../fixtures/refusals.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { launcher, run, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, netnsOfNewRun, partsOf, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const NSFS_MAGIC = 0x6e736673;
const DELAY_US = 1_000_000;

function fresh(context: Mocha.Context, linger = 0): RuntimeDir {
  context.timeout(60_000);
  const runtime = freshRuntimeDir(context);
  runtime.configure(`[rnetns]\nlinger = ${linger}\n`);
  return runtime;
}

async function succeed({ env }: RuntimeDir, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(args, { env });
  expect({ status, stderr }, args.join(' ')).to.deep.equal({ status: 0, stderr: '' });
  return stdout;
}

interface Named {
  name: string;
  inode: number;
  processes: number;
}

async function list(runtime: RuntimeDir): Promise<Named[]> {
  return JSON.parse(await succeed(runtime, 'netns', 'list', '--json')) as Named[];
}

const names = async (runtime: RuntimeDir): Promise<string[]> => (await list(runtime)).map(({ name }) => name);

/** Mount points of a process that are in the directory of names, or are it, as in its mountinfo. */
function mountsOfNames(pid: number, { dir }: RuntimeDir): string[] {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point === join(dir, 'netns') || point.startsWith(`${join(dir, 'netns')}/`))
    .sort();
}

/** The launcher under strace, which holds every mount(2) for a second after it was done. */
function delayed(args: readonly string[], { env }: RuntimeDir): Promise<RunResult> {
  const inject = `inject=mount:delay_exit=${DELAY_US}`;
  const strace = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=mount', '-e', inject, launcher];
  return run([...strace, ...args], { env, file: findProgram('strace') ?? '', timeoutMs: 100_000 });
}

describe('named network namespaces', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip');
  });

  it('each is a namespace of its own, with its loopback up, and holds the shared one until it is deleted', async function () {
    const runtime = fresh(this, 60);
    await succeed(runtime, 'netns', 'add', 'web');
    const shared = await netnsOfNewRun(runtime);
    const web = await succeed(runtime, 'netns', 'exec', 'web', '--', 'readlink', '/proc/self/ns/net');
    const [named] = await list(runtime);
    expect(named).to.deep.equal({ name: 'web', inode: Number(/\d+/.exec(web)?.[0]), processes: 0 });
    expect(named?.inode).to.not.equal(shared);
    expect(await succeed(runtime, 'netns', 'exec', 'web', 'ip', '-brief', 'link')).to.match(
      /^lo +UNKNOWN [^\n]*UP[^\n]*\n$/,
    );
    const status = JSON.parse(await succeed(runtime, 'status', '--json')) as {
      references: { id: string }[];
      refCount: number;
    };
    expect(status.references.map(({ id }) => id)).to.deep.equal(['netns:web']);
    expect(status.refCount).to.equal(1);
    expect((await run(['stop'], { env: runtime.env })).status, 'it is used').to.equal(125);
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime, 2000);
  });

  it('is seen at once by every running command, also by ip netns, and goes from there as well', async function () {
    const runtime = fresh(this);
    const command = await startCommand(runtime);
    await succeed(runtime, 'netns', 'add', 'late');
    const seen = `/proc/${command.pid}/root${join(runtime.dir, 'netns', 'late')}`;
    expect(statfsSync(seen).type).to.equal(NSFS_MAGIC);
    const [named] = await list(runtime);
    expect(statSync(seen).ino).to.equal(named?.inode);
    expect(await succeed(runtime, 'run', '--', 'ip', 'netns', 'list')).to.equal('late\n');
    await succeed(runtime, 'netns', 'delete', 'late');
    expect(existsSync(seen)).to.be.false;
    await command.finish();
    await gone(runtime, 2000);
  });

  it('pids and identify find who is in one, and a command in it holds the shared one', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'a');
    await succeed(runtime, 'netns', 'add', 'b');
    const child = spawn(launcher, ['netns', 'exec', 'a', '--', 'sleep', '60'], { env: runtime.env, stdio: 'ignore' });
    onTestEnd(() => void child.kill('SIGKILL'));
    const pid = child.pid ?? 0;
    const inode = (await list(runtime))[0]?.inode;
    await waitFor(() => namespaceInode(pid) === inode, { what: 'the command to be in a' });
    expect(await succeed(runtime, 'netns', 'pids', 'a')).to.equal(`${pid}\n`);
    expect(await succeed(runtime, 'netns', 'pids', 'b')).to.equal('');
    expect(await succeed(runtime, 'netns', 'identify', String(pid))).to.equal('a\n');
    expect(await succeed(runtime, 'netns', 'identify')).to.equal('');
    await succeed(runtime, 'netns', 'delete', 'a');
    await succeed(runtime, 'netns', 'del', 'b');
    expect((JSON.parse(await succeed(runtime, 'status', '--json')) as { state: string }).state).to.equal('running');
    await killNow(pid);
    await gone(runtime, 3000);
  });

  it('attach gives the namespace of a process a name', async function () {
    const runtime = fresh(this);
    const script = 'unshare --net sh -c "echo up; exec sleep 60" & wait';
    const command = await startCommand(runtime, script, [], 'started');
    await waitFor(() => command.stdout().includes('up'), { what: 'the process to attach' });
    const pid = readdirSync('/proc')
      .map(Number)
      .find((other) => other > command.pid && isChildInOwnNetns(other, command.pid));
    await succeed(runtime, 'netns', 'attach', 'theirs', String(pid));
    const [named] = await list(runtime);
    expect(named).to.deep.equal({ name: 'theirs', inode: namespaceInode(pid ?? 0), processes: 1 });
    await succeed(runtime, 'netns', 'delete', 'theirs');
    await killNow(pid ?? 0);
    await command.finish();
    await gone(runtime, 2000);
  });

  it('exec shows its interfaces in /sys, with what is mounted below, and as read-only as it was', async function () {
    requires(this, 'sysfs');
    const runtime = fresh(this);
    const setup = 'mount -t tmpfs tmpfs /sys/fs/cgroup; : >/sys/fs/cgroup/mark; mount -o remount,bind,ro /sys\n';
    const host = await privateHost(runtime, setup);
    expect((await host.run(['netns', 'add', 'web'])).status).to.equal(0);
    const look = ['sh', '-c', 'cd /sys && ls class/net fs/cgroup && grep " /sys ro," /proc/self/mountinfo | tail -n 1'];
    const { stdout, stderr } = await host.run(['netns', 'exec', 'web', ...look]);
    expect(stderr).to.equal('');
    expect(stdout).to.match(/^class\/net:\nlo\n\nfs\/cgroup:\nmark\n\d+ .* \/sys ro,.* - sysfs /);
    expect((await host.run(['netns', 'delete', 'web'])).status).to.equal(0);
  });

  it('exec works as well where the kernel refuses another /sys, because parts of this one are hidden', async function () {
    const runtime = fresh(this);
    // A user namespace below the one that hides them: there nobody can uncover them.
    const below = `exec unshare --user --map-root-user --mount sh -c 'echo "ready $0"; read -r _' "$TMP"\n`;
    const host = await privateHost(runtime, `mount -t tmpfs tmpfs /sys/firmware; ${below}`);
    expect((await host.run(['netns', 'add', 'web'])).status).to.equal(0);
    const look = ['sh', '-c', 'ls /sys/class/net && grep -c " /sys " /proc/self/mountinfo'];
    const { status, stdout, stderr } = await host.run(['netns', 'exec', 'web', ...look]);
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split(' /sys ').length - 1;
    expect(stdout).to.equal(`${readdirSync('/sys/class/net').sort().join('\n')}\n${mounts}\n`);
    expect((await host.run(['netns', 'delete', 'web'])).status).to.equal(0);
  });

  it('outlives holder and supervisor, with what was in it', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    const before = await list(runtime);
    const { holder, supervisor } = partsOf(runtime);
    await killNow(holder, supervisor);
    await succeed(runtime, 'repair');
    expect(await list(runtime)).to.deep.equal(before);
    await succeed(runtime, 'netns', 'add', 'more');
    await succeed(runtime, 'netns', 'delete', 'web');
    await succeed(runtime, 'netns', 'delete', 'more');
    await gone(runtime, 3000);
  });

  it('with a wrong name, twice, or not there: is refused, and changes nothing', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    const before = await list(runtime);
    for (const [words, status, ...args] of [
      [/it exists/, 125, 'add', 'web'],
      [/bad name/, 2, 'add', '../web'],
      [/bad name/, 2, 'add', 'a b'],
      [/bad name/, 2, 'add', '.hidden'],
      [/bad name/, 2, 'add', ''],
      [/needs a name/, 2, 'add'],
      [/no more arguments/, 2, 'add', 'x', 'y'],
      [/there is none/, 125, 'delete', 'none'],
      [/there is none/, 125, 'del', 'none'],
      [/there is none/, 125, 'exec', 'none', 'true'],
      [/needs a command/, 2, 'exec', 'web'],
      [/no network namespace/, 125, 'pids', 'none'],
      [/no process|there is none/, 125, 'attach', 'x', '4194303'],
      [/number of a process/, 2, 'attach', 'x', 'y'],
    ] as const) {
      expectRefused(await run(['netns', ...args], { env: runtime.env }), words, status);
      expect(await list(runtime), args.join(' ')).to.deep.equal(before);
    }
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime, 2000);
  });

  it('is no reason to make the shared namespace, for those that only look', async function () {
    const runtime = fresh(this);
    expect(await list(runtime)).to.deep.equal([]);
    expect(await succeed(runtime, 'netns')).to.equal('');
    expect(await succeed(runtime, 'netns', 'identify')).to.equal('');
    for (const args of [
      ['delete', 'x'],
      ['exec', 'x', 'true'],
    ]) {
      expect((await run(['netns', ...args], { env: runtime.env })).status).to.equal(125);
    }
    expect(readdirSync(runtime.dir)).to.deep.equal([]);
  });

  it('what a killed add has left is removed by the next one', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    const hidden = join(runtime.stateDir(), 'netns', '.half.4194303');
    writeFileSync(hidden, '');
    await succeed(runtime, 'netns', 'add', 'half');
    expect(existsSync(hidden)).to.be.false;
    expect(await names(runtime)).to.deep.equal(['half', 'web']);
    await succeed(runtime, 'netns', 'delete', 'web');
    await succeed(runtime, 'netns', 'delete', 'half');
    await gone(runtime, 2000);
  });

  describe('the race of iproute2, with every mount(2) held for a second', function () {
    before(function () {
      requires(this, 'ptrace');
    });

    for (const count of [10, 100]) {
      it(`${count} adds at once: each name is mounted once, the directory once, and no name is ever half made`, async function () {
        this.timeout(180_000);
        const runtime = fresh(this);
        this.timeout(180_000);
        const command = await startCommand(runtime);
        const wanted = Array.from({ length: count }, (_, index) => `n${index}`).sort();
        const watch = watchNames(runtime, command.pid);
        const results = await Promise.all(wanted.map((name) => delayed(['netns', 'add', name], runtime)));
        expect(watch.stop(), 'names that were no namespace').to.deep.equal([]);
        expect(results.map(({ status, stderr }) => `${String(status)} ${stderr}`)).to.deep.equal(
          wanted.map(() => '0 '),
        );
        expect(await names(runtime)).to.deep.equal(wanted);
        const { holder } = partsOf(runtime);
        const points = [join(runtime.dir, 'netns'), ...wanted.map((name) => join(runtime.dir, 'netns', name))].sort();
        expect(mountsOfNames(holder, runtime)).to.deep.equal(points);
        const inodes = new Set((await list(runtime)).map(({ inode }) => inode));
        expect(inodes.size).to.equal(count);
        for (const name of wanted) await succeed(runtime, 'netns', 'delete', name);
        await command.finish();
        await gone(runtime);
      });
    }

    it('20 first runs at once make one namespace, and one mount of each kind', async function () {
      this.timeout(180_000);
      const runtime = fresh(this);
      this.timeout(180_000);
      const results = Array.from({ length: 20 }, () =>
        delayed(['run', '--', 'sh', '-c', 'readlink /proc/self/ns/net; exec sleep 3'], runtime),
      );
      await waitFor(() => existsSync(join(runtime.stateDir(), 'live')), { timeoutMs: 60_000, what: 'a namespace' });
      const { holder, keeper } = partsOf(runtime);
      for (const pid of [holder, keeper]) {
        const points = readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
          .split('\n')
          .map((line) => line.split(' '))
          .filter((fields) => fields[4]?.startsWith(runtime.dir))
          // On which mount, and where: what the new /run covers is still there, below it.
          .map((fields) => `${fields[1] ?? ''} ${fields[4] ?? ''}`);
        expect(points.length, points.join('\n')).to.equal(new Set(points).size);
      }
      const inodes = new Set((await Promise.all(results)).map(({ stdout }) => stdout));
      expect([...inodes]).to.have.lengthOf(1);
      await gone(runtime, 20_000);
    });
  });
});

function isChildInOwnNetns(pid: number, parent: number): boolean {
  try {
    const [, ppid] = /\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    return Number(ppid) === parent && namespaceInode(pid) !== namespaceInode(parent);
  } catch {
    return false;
  }
}

/** Look all the time, from inside: names that are seen and are no namespace. */
function watchNames({ dir }: RuntimeDir, pid: number): { stop: () => string[] } {
  const half = new Set<string>();
  const directory = `/proc/${pid}/root${join(dir, 'netns')}`;
  const timer = setInterval(() => {
    for (const name of readdirSync(directory).filter((entry) => !entry.startsWith('.'))) {
      if (statfsSync(join(directory, name)).type !== NSFS_MAGIC) half.add(name);
    }
  }, 5);
  onTestEnd(() => clearInterval(timer));
  return {
    stop() {
      clearInterval(timer);
      return [...half];
    },
  };
}
