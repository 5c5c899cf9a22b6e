/** Which namespace is meant, whose its directory is, and what of it may be removed: never by the spelling of a path. */

import { expect } from 'chai';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { forgetKeptPlan } from '../fixtures/kept-plan.js';
import { privateHost } from '../fixtures/private-host.js';
import { act, lingering } from '../fixtures/references.js';
import { processesMentioning, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, netnsOfNewRun, partsOf, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** The same, with another spelling of its runtime directory. */
function spelled(runtime: RuntimeDir, dir: string): RuntimeDir {
  return { ...runtime, env: { ...runtime.env, XDG_RUNTIME_DIR: dir } };
}

describe('two spellings of one runtime directory', function () {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  /** Each by what `runtime` is, and a directory beside it for links. */
  const spellings: [string, (dir: string, beside: string) => string][] = [
    ['with a slash at its end', (dir) => `${dir}/`],
    ['with doubled slashes', (dir) => dir.replace(/\/run$/, '//run//')],
    ['with . and ..', (dir) => `${dirname(dir)}/./config/../run`],
    ['by a link beside it', (dir, beside) => (symlinkSync(dir, join(beside, 'link')), join(beside, 'link'))],
    ['by a relative link', (_, beside) => (symlinkSync('run', join(beside, 'rel')), join(beside, 'rel'))],
    [
      'by a link of a directory above',
      (_, beside) => (symlinkSync(beside, join(beside, 'up')), join(beside, 'up/run')),
    ],
    ['through /var/run', (dir) => `/var${dir}`],
    [
      'by a link in /tmp',
      (dir) => {
        const link = `/tmp/rnetns-link-${process.pid}`;
        symlinkSync(dir, link);
        onTestEnd(() => rmSync(link));
        return link;
      },
    ],
  ];
  for (const [what, spell] of spellings) {
    it(`${what} is one namespace, for every command`, async function () {
      const runtime = lingering(this, 0);
      const beside = dirname(runtime.dir);
      mkdirSync(join(beside, 'config'), { recursive: true });
      const other = spelled(runtime, spell(runtime.dir, beside));
      if (!existsSync(other.env.XDG_RUNTIME_DIR ?? '')) this.skip();

      // Made by one, used by the other.
      expect(await act(other, 'setup', '--id', 'made')).to.deep.equal({ status: 0, stdout: '', stderr: '' });
      const netns = await netnsOfNewRun(runtime);
      expect(await netnsOfNewRun(other)).to.equal(netns);
      const parts = partsOf(runtime);
      const states = await Promise.all(
        [runtime, other].map(async (one) => JSON.parse((await act(one, 'status', '--json')).stdout) as object),
      );
      expect(states[0]).to.deep.equal(states[1]);
      expect(states[0]).to.include({ state: 'running', directory: runtime.stateDir() });
      expect((await act(other, 'list')).stdout).to.match(/^default /);
      expect((await act(other, 'repair')).stdout).to.equal('nothing to mend\n');
      expect(await act(other, 'netns', 'add', 'web')).to.include({ status: 0 });
      expect((await act(runtime, 'netns', 'list')).stdout).to.match(/^web /);
      expect(await act(other, 'netns', 'exec', 'web', 'true')).to.include({ status: 0, stderr: '' });
      expect(await act(runtime, 'netns', 'delete', 'web')).to.include({ status: 0 });

      // Its own spelling leads there inside as well.
      const inside = await act(other, 'run', '--', 'sh', '-c', 'echo "$XDG_RUNTIME_DIR"; ls "$XDG_RUNTIME_DIR/rnetns"');
      expect(inside).to.deep.equal({ status: 0, stdout: `${other.env.XDG_RUNTIME_DIR ?? ''}\ndefault\n`, stderr: '' });

      // Mended by the one, it is the other's as well.
      await killNow(parts.keeper);
      // By the supervisor, or by the command where that comes first.
      expect(await act(other, 'repair')).to.include({ status: 0, stderr: '' });
      expect(partsOf(runtime)).to.include({ supervisor: parts.supervisor, driver: parts.driver });
      expect(partsOf(runtime).keeper).not.to.equal(parts.keeper);
      const command = await startCommand(other);
      expect((await act(runtime, 'ps')).stdout).to.contain(String(command.pid));
      expect((await act(other, 'stop')).stderr).to.contain(String(command.pid));
      await command.finish();
      expect(await act(runtime, 'teardown', '--id', 'made')).to.include({ status: 0 });
      await gone(runtime);
      expect(processesMentioning(beside)).to.deep.equal([]);

      // Not in use by its own parts.
      expect(await act(other, 'setup', '--id', 'again')).to.include({ status: 0 });
      expect(await act(runtime, 'teardown', '--id', 'again')).to.include({ status: 0 });
      await gone(runtime);
      const lingers = await startCommand(other);
      await lingers.finish();
      expect(await act(other, 'stop')).to.include({ status: 0, stderr: '' });
      await gone(runtime);
    });
  }
});

describe('what rnetns did not make', function () {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it("stays: a user's own directory /tmp/rnetns-job1, and directories of these names in it", async function () {
    const runtime = lingering(this, 0);
    for (const [name, own] of [
      ['rnetns-job1', []],
      ['rnetns-12345', []],
      ['rnetns-job2', ['netns']],
      ['rnetns-job3', ['rnetns', 'netns']],
    ] as const) {
      const dir = join('/tmp', name);
      mkdirSync(dir, { mode: 0o700 });
      onTestEnd(() => rmSync(dir, { recursive: true, force: true }));
      for (const below of own) mkdirSync(join(dir, below));
      const here = spelled({ ...runtime, dir, stateDir: () => join(dir, 'rnetns', 'default') }, dir);
      const inode = statSync(dir).ino;
      const isGone = () => !existsSync(here.stateDir()) && processesMentioning(dir).length === 0;
      for (const end of [
        ['run', '--', 'true'],
        ['stop', '--force'],
      ]) {
        const command = await startCommand(here);
        if (end[0] === 'stop') await killNow(...Object.values(partsOf(here)));
        else await command.finish();
        expect(await act(here, ...end)).to.include({ status: 0 });
        await waitFor(isGone, { what: `nothing to be left in ${dir}` });
        forgetKeptPlan(dir);
        expect(statSync(dir).ino).to.equal(inode);
        expect(readdirSync(dir).sort()).to.deep.equal([...own].sort());
      }
      // Nothing was published.
      runtime.configure('[engine]\nnetwork_cmd_path = /bin/false\n');
      expect(await act(here, 'run', '--', 'true')).to.include({ status: 125 });
      runtime.configure('[rnetns]\nlinger = 0\n');
      expect(readdirSync(dir).sort()).to.deep.equal([...own].sort());
    }
  });

  it('without XDG_RUNTIME_DIR /tmp/rnetns-UID is made and goes, however it ends; one of the user stays', async function () {
    const runtime = lingering(this, 0);
    const host = await privateHost(runtime, 'mount -t tmpfs tmpfs /tmp; cover_run user');
    const uid = process.getuid?.() ?? 0;
    const script = (text: string) => host.sh(`unset XDG_RUNTIME_DIR\ndir=/tmp/rnetns-${uid}\n${text}`, [launcher]);
    const wait = 'for _ in $(seq 100); do [ -e "$dir" ] || break; sleep 0.1; done; [ -e "$dir" ] && ls -lR "$dir"; :';

    expect(await script(`"$1" run -- ls -d "$dir"; ${wait}`)).to.equal(`/tmp/rnetns-${uid}\n`);
    // A first call that fails, by Node and before it.
    await script(`echo '[engine]
network_cmd_path = /bin/false' >/tmp/conf`);
    expect(
      await script(`"$1" run --config /tmp/conf -- true 2>/dev/null || :; [ -e "$dir" ] && ls -lR "$dir"; :`),
    ).to.equal('');
    expect(await script(`"$1" lock -- true; [ -e "$dir" ] && ls -lR "$dir"; :`)).to.equal('');
    // What only looks.
    for (const verb of ['status', 'list', 'ps', 'stop', 'repair', 'netns list', 'cni list', 'teardown --id x']) {
      expect(await script(`"$1" ${verb} >/dev/null 2>&1 || :; [ -e "$dir" ] && ls -lR "$dir"; :`), verb).to.equal('');
    }
    // Dead parts.
    expect(
      await script(`"$1" setup --id x; read -r _ _ _ supervisor _ guard _ keeper _ <"$dir/rnetns/default/live"
        kill -s KILL $guard $supervisor $keeper; sleep 0.2; "$1" stop --force; ${wait}`),
    ).to.equal('');
    // The user's own.
    expect(
      await script(`mkdir -m 700 "$dir"; "$1" run -- true; sleep 3; ls -A "$dir"; rmdir "$dir"; echo mine`),
    ).to.equal('mine\n');
  });
});

describe("a directory that is not the caller's own, or open to others", function () {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'unprivileged');
  });

  /** The statuses of all who join, look and tear down. */
  async function verdicts(runtime: RuntimeDir): Promise<Record<string, number | null>> {
    const all: Record<string, number | null> = {};
    for (const args of [
      ...[['run', '--', 'true'], ['unshare', '--', 'true'], ['setup', '--id', 'a'], ['status'], ['ps'], ['path']],
      ...[['netns', 'list'], ['graph'], ['teardown', '--id', 'b'], ['stop']],
    ]) {
      all[args.slice(0, 2).join(' ')] = (await run(args, { env: runtime.env })).status;
    }
    return all;
  }

  for (const level of ['rnetns', 'rnetns/default']) {
    for (const mode of [0o777, 0o770, 0o1777, 0o755]) {
      it(`${level} of mode ${mode.toString(8)} while the namespace is up: all say the same`, async function () {
        const runtime = lingering(this, 0);
        const command = await startCommand(runtime);
        const path = join(runtime.dir, level);
        const before = statSync(path).mode & 0o7777;
        chmodSync(path, mode);
        const { stop, ...others } = await verdicts(runtime);
        expect(new Set(Object.values(others)), JSON.stringify(others)).to.deep.equal(new Set([0]));
        // In use.
        expect(stop).to.equal(125);
        expect(await act(runtime, 'stop', '--force')).to.include({ status: 0, stderr: '' });
        if (existsSync(path)) chmodSync(path, before);
        await command.ended;
        await gone(runtime);
      });
    }

    it(`${level} that has become a link while the namespace is up: all refuse it`, async function () {
      const runtime = lingering(this, 0);
      const command = await startCommand(runtime);
      const path = join(runtime.dir, level);
      const moved = join(dirname(runtime.dir), 'moved');
      await run(['-T', path, moved], { env: runtime.env, file: 'mv' });
      symlinkSync(moved, path);
      const all = await verdicts(runtime);
      rmSync(path);
      await run(['-T', moved, path], { env: runtime.env, file: 'mv' });
      expect(new Set(Object.values(all)), JSON.stringify(all)).to.deep.equal(new Set([125]));
      await command.finish();
      await gone(runtime);
    });
  }

  it('/tmp/rnetns-UID that is a link, or open to others, is followed by nobody', async function () {
    const runtime = lingering(this, 0);
    const host = await privateHost(runtime, 'mount -t tmpfs tmpfs /tmp; cover_run user');
    const uid = process.getuid?.() ?? 0;
    for (const make of [
      'mkdir -m 700 /tmp/trap; ln -s /tmp/trap "$dir"',
      'ln -s /tmp/none "$dir"',
      'mkdir -m 755 "$dir"',
      'mkdir -m 1777 "$dir"',
      ': >"$dir"',
    ]) {
      const out = await host.sh(
        `unset XDG_RUNTIME_DIR; dir=/tmp/rnetns-${uid}; ${make}
        for verb in 'run -- true' status stop repair 'setup --id a' 'teardown --id a' list 'lock -- true' 'netns list'; do
          status=0; "$1" $verb >/dev/null 2>/tmp/words || status=$?
          [ "$status" -eq 125 ] && grep -q "^rnetns: using the runtime directory failed on $dir: it" /tmp/words || { echo "$verb: $status"; cat /tmp/words; }
        done
        find /tmp/trap "$dir" -mindepth 1 2>/dev/null || :
        rm -rf "$dir" /tmp/trap`,
        [launcher],
      );
      expect(out, make).to.equal('');
    }
  });
});

describe('a FIFO in place of a file', function () {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  for (const name of [
    'live',
    'resolv.conf.target',
    'rootless-netns-conn.pid',
    'lock-owner',
    'info.json',
    'state.json',
  ]) {
    it(`${name} blocks nobody, and is mended`, async function () {
      const runtime = lingering(this, 0);
      const command = await startCommand(runtime);
      const path = join(runtime.stateDir(), name);
      for (const args of [['run', '--', 'true'], ['status'], ['setup', '--id', 'a'], ['list'], ['repair']]) {
        rmSync(path, { force: true });
        expect(await run(['-m', '600', path], { env: runtime.env, file: 'mkfifo' })).to.include({ status: 0 });
        const { status, timedOut, stderr } = await run(args, { env: runtime.env });
        expect({ status, timedOut }, `${args.join(' ')}: ${stderr}`).to.deep.equal({ status: 0, timedOut: false });
      }
      expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
      await command.finish();
      expect(await act(runtime, 'stop', '--force')).to.include({ status: 0 });
      await gone(runtime);
    });
  }
});
