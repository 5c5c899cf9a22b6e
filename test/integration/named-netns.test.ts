/** Named network namespaces: `netns add|delete|list|exec|pids|identify|attach`. */

import { expect } from 'chai';
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { privateHost } from '../fixtures/private-host.js';
import { descendantsOf, namespaceInode, waitFor } from '../fixtures/processes.js';
import { expectRefused } from '../fixtures/refusals.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { launcher, projectRoot, run, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { answers, shFunctions } from '../fixtures/sh-functions.js';
import { gone, killNow, netnsOfNewRun, partsOf, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const NSFS_MAGIC = 0x6e736673;
const DELAY_US = 1_000_000;

function fresh(context: Mocha.Context, linger = 0): RuntimeDir {
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
    await gone(runtime);
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
    await gone(runtime);
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
    await gone(runtime);
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
    await gone(runtime);
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

  it('outlives guard and supervisor, with what was in it', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    const before = await list(runtime);
    const { guard, supervisor } = partsOf(runtime);
    await killNow(guard, supervisor);
    await succeed(runtime, 'repair');
    expect(await list(runtime)).to.deep.equal(before);
    await succeed(runtime, 'netns', 'add', 'more');
    await succeed(runtime, 'netns', 'delete', 'web');
    await succeed(runtime, 'netns', 'delete', 'more');
    await gone(runtime);
  });

  it('outlives all but the driver where a command has it, and goes with them where nobody has', async function () {
    const runtime = fresh(this);
    const before = await startCommand(runtime);
    await succeed(runtime, 'netns', 'add', 'web');
    const [web] = await list(runtime);
    // Twice: the second time that command's copy is older than the parts, and a newer one sees more.
    for (const name of ['one', 'two']) {
      const { supervisor, driver } = partsOf(runtime);
      await killNow(supervisor, ...descendantsOf(supervisor).filter((pid) => pid !== driver));
      await succeed(runtime, 'netns', 'add', name);
      expect((await list(runtime)).find((named) => named.name === 'web')).to.deep.equal(web);
      const inside = await succeed(runtime, 'netns', 'exec', 'web', '--', 'readlink', '/proc/self/ns/net');
      expect(inside).to.equal(`net:[${web?.inode ?? 0}]\n`);
    }
    // Made after that command was started, and held by nobody who lives.
    expect(await names(runtime)).to.deep.equal(['two', 'web']);
    await expectAgreement(runtime, ['two', 'web'], ['one']);
    for (const name of ['two', 'web']) await succeed(runtime, 'netns', 'delete', name);
    await before.finish();
    await gone(runtime);
  });

  it('is what a namespace is mounted on: list, exec, delete, pids, add, counting and the scripts agree on all else', async function () {
    const runtime = fresh(this, 60);
    await succeed(runtime, 'netns', 'add', 'web');
    await succeed(runtime, 'run', '--', 'ip', 'netns', 'add', 'left');
    const dir = join(runtime.stateDir(), 'netns');
    writeFileSync(join(dir, 'file'), '');
    mkdirSync(join(dir, 'directory'));
    symlinkSync('web', join(dir, 'link'));
    await succeed(runtime, 'run', '--', 'mkfifo', '/run/netns/fifo');
    await expectAgreement(runtime, ['web'], ['left', 'file', 'directory', 'link', 'fifo', 'none']);
    // Its place is free, as every answer says.
    await succeed(runtime, 'netns', 'add', 'left');
    await expectAgreement(runtime, ['left', 'web'], ['file']);
    for (const name of ['left', 'web']) await succeed(runtime, 'netns', 'delete', name);
    // What is no name doesn't hold the namespace.
    await gone(runtime);
  });

  it('is not what a command has made with ip netns for itself: that is left to it, and goes with it', async function () {
    const runtime = fresh(this);
    const own = 'ip netns add own && ip netns exec own readlink /proc/self/ns/net';
    const command = await startCommand(runtime, own);
    const inode = /net:\[\d+\]/.exec(command.stdout())?.[0];
    expect(await names(runtime)).to.deep.equal([]);
    expectRefused(await run(['netns', 'add', 'own'], { env: runtime.env }), /for itself/);
    await succeed(runtime, 'netns', 'add', 'other');
    await succeed(runtime, 'netns', 'delete', 'other');
    await succeed(runtime, 'repair');
    const still = `/proc/${command.pid}/root${join(runtime.dir, 'netns', 'own')}`;
    expect(`net:[${statSync(still).ino}]`).to.equal(inode);
    await succeed(runtime, 'setup', '--id', 'holds');
    await command.finish();
    await succeed(runtime, 'netns', 'add', 'own');
    await expectAgreement(runtime, ['own'], []);
    await succeed(runtime, 'netns', 'delete', 'own');
    await succeed(runtime, 'teardown', '--id', 'holds');
    await gone(runtime);
  });

  it('what is no name is removed by repair, which says so', async function () {
    const runtime = fresh(this, 60);
    await succeed(runtime, 'run', '--', 'ip', 'netns', 'add', 'left');
    const path = join(runtime.stateDir(), 'netns', 'left');
    const before = new Date(Date.now() - 60_000);
    utimesSync(path, before, before);
    expect(await succeed(runtime, 'repair')).to.match(/^file +removed netns\/left: no namespace is mounted on it\n$/);
    expect(existsSync(path)).to.be.false;
    expect(await succeed(runtime, 'repair')).to.equal('nothing to mend\n');
    await succeed(runtime, 'stop');
    await gone(runtime);
  });

  it('refused in a namespace that was made for it: the reason is said, and nothing is left', async function () {
    const runtime = fresh(this, 60);
    const { env } = runtime;
    expectRefused(await run(['netns', 'attach', 'x', String(process.pid)], { env }), /another user namespace/, 125);
    await gone(runtime);
  });

  it('can be added where another namespace has made, or taken away, the directory for names meanwhile', async function () {
    const bin = dirname(fresh(this).dir);
    for (const [step, act] of [
      ['mkdir', 'mkdir -m 1700'],
      ['mount', 'rmdir'],
    ] as const) {
      const runtime = fresh(this);
      const seen = join(runtime.dir, 'netns');
      const real = findProgram(step) ?? '';
      // Once, just before our own step.
      const meanwhile = `[ -e ${bin}/${step}.done ] || { : >${bin}/${step}.done; ${act} ${seen}; }`;
      const script = `#!/bin/sh\nPATH=/usr/bin:/bin\ncase "$*" in *" ${seen}") ${meanwhile} ;; esac\nexec ${real} "$@"\n`;
      writeFileSync(join(bin, step), script, { mode: 0o755 });
      const env = { ...runtime.env, PATH: `${bin}:${runtime.env.PATH ?? ''}` };
      const { status, stderr } = await run(['netns', 'add', 'web'], { env });
      expect({ status, stderr }, step).to.deep.equal({ status: 0, stderr: '' });
      expect(existsSync(join(bin, `${step}.done`)), step).to.be.true;
      await succeed(runtime, 'netns', 'delete', 'web');
      await gone(runtime);
    }
  });

  it('added while all that holds the names is killed and made anew, is there', async function () {
    const runtime = fresh(this);
    const command = await startCommand(runtime);
    // `mv` is the step by which it appears.
    const bin = dirname(runtime.dir);
    const wait = `: >${bin}/moving; while ! [ -e ${bin}/move ]; do sleep 0.01; done`;
    writeFileSync(join(bin, 'mv'), `#!/bin/sh\n${wait}\nexec ${findProgram('mv') ?? ''} "$@"\n`, { mode: 0o755 });
    const env = { ...runtime.env, PATH: `${bin}:${runtime.env.PATH ?? ''}` };
    const adding = run(['netns', 'add', 'web'], { env });
    await waitFor(() => existsSync(join(bin, 'moving')), { what: 'the name to appear' });
    const { guard, supervisor, keeper } = partsOf(runtime);
    await killNow(guard, supervisor, keeper);
    await netnsOfNewRun(runtime);
    writeFileSync(join(bin, 'move'), '');
    const { status, stderr } = await adding;
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    await expectAgreement(runtime, ['web'], []);
    await succeed(runtime, 'netns', 'delete', 'web');
    await command.finish();
    await gone(runtime);
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
    await gone(runtime);
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
    await gone(runtime);
  });

  for (const [what, views, words] of [
    ['another call has made meanwhile is said to exist', '', /^it exists$/],
    ["a command alone sees is said to be that one's", '/proc/*', /^a command that runs has made it for itself/],
  ] as const) {
    it(`a name that ${what}`, function () {
      const dir = mkdtempSync('/tmp/rnetns-names-');
      onTestEnd(() => rmSync(dir, { recursive: true }));
      const stand = `names=$1 name=web rn_view=''
          : >"$names/$name"
          is_current() { :; }
          is_named() { case $rn_view in ${views === '' ? '*' : views}) ;; *) return 1 ;; esac; }
          die() { printf '%s' "$1"; exit; }`;
      const [said] = answers(`${stand}\n${shFunctions('named-netns.sh', 'clear_place')}\nclear_place`, [dir]);
      expect(said).to.match(words);
    });
  }

  describe('the race of iproute2, with every mount(2) held for a second', function () {
    before(function () {
      requires(this, 'ptrace');
    });

    for (const count of [10, 100]) {
      it(`${count} adds at once: each name is mounted once, the directory once, and no name is ever half made`, async function () {
        const runtime = fresh(this);
        const command = await startCommand(runtime);
        const wanted = Array.from({ length: count }, (_, index) => `n${index}`).sort();
        const watch = watchNames(runtime, command.pid);
        const results = await Promise.all(wanted.map((name) => delayed(['netns', 'add', name], runtime)));
        expect(watch.stop(), 'names that were no namespace').to.deep.equal([]);
        expect(results.map(({ status, stderr }) => `${String(status)} ${stderr}`)).to.deep.equal(
          wanted.map(() => '0 '),
        );
        expect(await names(runtime)).to.deep.equal(wanted);
        const { supervisor } = partsOf(runtime);
        const points = [join(runtime.dir, 'netns'), ...wanted.map((name) => join(runtime.dir, 'netns', name))].sort();
        expect(mountsOfNames(supervisor, runtime)).to.deep.equal(points);
        const inodes = new Set((await list(runtime)).map(({ inode }) => inode));
        expect(inodes.size).to.equal(count);
        for (const name of wanted) await succeed(runtime, 'netns', 'delete', name);
        await command.finish();
        await gone(runtime);
      });
    }

    it('20 first runs at once make one namespace, and one mount of each kind', async function () {
      const runtime = fresh(this);
      const results = Array.from({ length: 20 }, () =>
        delayed(['run', '--', 'sh', '-c', 'readlink /proc/self/ns/net; exec sleep 3'], runtime),
      );
      await waitFor(() => existsSync(join(runtime.stateDir(), 'live')), { timeoutMs: 60_000, what: 'a namespace' });
      const { supervisor, keeper } = partsOf(runtime);
      for (const pid of [supervisor, keeper]) {
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
      await gone(runtime);
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

/** Everybody who has to know which are names says the same; `others` are none. */
async function expectAgreement(
  runtime: RuntimeDir,
  named: readonly string[],
  others: readonly string[],
): Promise<void> {
  const { env } = runtime;
  expect(await names(runtime), 'list').to.deep.equal(named);
  const status = JSON.parse(await succeed(runtime, 'status', '--json')) as { references: { id: string }[] };
  expect(status.references.map(({ id }) => id).filter((id) => id.startsWith('netns:'))).to.deep.equal(
    named.map((name) => `netns:${name}`),
  );
  const { supervisor, keeper } = partsOf(runtime);
  const nameSh = join(projectRoot, 'scripts', 'name.sh');
  for (const [name, is] of [
    ...named.map((one) => [one, true] as const),
    ...others.map((one) => [one, false] as const),
  ]) {
    for (const pid of [supervisor, keeper]) {
      const script = `rn_dir=${runtime.stateDir()} rn_view=/proc/${pid}/root; . ${nameSh}; is_named "$1"`;
      expect(spawnSync('sh', ['-c', script, 'sh', name]).status, `scripts/name.sh of ${name}`).to.equal(is ? 0 : 1);
    }
    for (const [words, ...args] of [
      [/no network namespace/, 'pids', name],
      [/there is none/, 'exec', name, 'true'],
      ...(is ? [] : ([[/there is none/, 'delete', name]] as const)),
    ] as const) {
      const result = await run(['netns', ...args], { env });
      if (is) expect(result.status, args.join(' ')).to.equal(0);
      else expectRefused(result, words, 125);
    }
    if (is) expectRefused(await run(['netns', 'add', name], { env }), /it exists/, 125);
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
