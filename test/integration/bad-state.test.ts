/** What is wrong with the directory or the files that rnetns finds its state in. */

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { alive, startTime } from '../fixtures/processes.js';
import { expectRefused, snapshot } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, netnsOfNewRun, partsOf, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

function fresh(context: Mocha.Context): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure('[rnetns]\nlinger = 0\n');
  return runtime;
}

/** `run` and the like are refused with these words, `stop` may find nothing to do, and nothing below `dir` changes. */
async function expectAllRefused(env: NodeJS.ProcessEnv, words: RegExp, dir: string): Promise<void> {
  // Who takes the lock leaves its name.
  const look = (): Record<string, string> => {
    const files = snapshot(dir);
    delete files['rnetns/default/lock-owner'];
    return files;
  };
  const before = look();
  for (const args of [['run', '--', 'true'], ['unshare', 'true'], ['repair'], ['stop'], ['status'], ['list']]) {
    const result = await run(args, { env });
    if (result.status !== 0 || /run|unshare/.test(args.join())) expectRefused(result, words);
    expect(look(), args.join(' ')).to.deep.equal(before);
  }
}

/** With a file in it, so that nobody takes it for an empty one of rnetns's own. */
function made(path: string, mode: number): void {
  mkdirSync(path);
  writeFileSync(join(path, 'mine'), 'mine');
  chmodSync(path, mode);
}

async function expectWorks(runtime: RuntimeDir): Promise<void> {
  const { status, stdout, stderr } = await run(['run', '--', 'echo', 'inside'], { env: runtime.env });
  expect({ status, stdout, stderr }).to.deep.equal({ status: 0, stdout: 'inside\n', stderr: '' });
  await gone(runtime);
}

describe('a runtime directory', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'unprivileged');
  });

  for (const [what, value, words] of [
    ['that belongs to root', '/usr', /\/usr: it belongs to uid 0/],
    ['that is /', '/', /\/: it belongs to uid 0/],
    ['that is not absolute', 'run', /XDG_RUNTIME_DIR=run: it is not an absolute path/],
    ['that is missing', '/nonexistent/run', /XDG_RUNTIME_DIR=\/nonexistent\/run: there is no such directory/],
    ['that is a file', '/etc/passwd', /XDG_RUNTIME_DIR=\/etc\/passwd: it is not a directory/],
    ['that is in /proc', '/proc/1', /XDG_RUNTIME_DIR=\/proc\/1: it belongs to uid 0/],
  ] as const) {
    it(`${what} is refused`, async function () {
      const env = { ...fresh(this).env, XDG_RUNTIME_DIR: value };
      for (const args of [['run', '--', 'true'], ['status'], ['list'], ['stop'], ['repair'], ['plan']]) {
        expectRefused(await run(args, { env }), words);
      }
    });
  }

  it('that is not named is /run/user/UID', async function () {
    const { env } = fresh(this);
    delete env.XDG_RUNTIME_DIR;
    const uid = process.getuid?.() ?? 0;
    const { stdout } = await run(['plan', '--json', '-n', 'unset'], { env });
    const { directory } = JSON.parse(stdout) as { directory: string };
    expect(directory).to.match(new RegExp(`^(/run/user/${uid}/rnetns|/tmp/rnetns-${uid}/rnetns)/unset$`));
    expect((await run(['run', '-n', 'unset', '--', 'true'], { env })).status).to.equal(0);
    expect((await run(['stop', '--force', '-n', 'unset'], { env })).status).to.equal(0);
  });

  for (const [what, name] of [
    ['with spaces', 'a  b '],
    ['with a newline', 'a\nb'],
    ['with quotes, a dollar and a star', `a'"$b*`],
    ['with a backslash', 'a\\040b'],
    ['with letters beyond ASCII', 'ä☃'],
  ] as const) {
    it(`${what} in its path works, and only it is removed`, async function () {
      const runtime = fresh(this);
      const dir = join(runtime.dir, '..', name);
      mkdirSync(dir, { mode: 0o700 });
      writeFileSync(join(dir, 'mine'), 'mine');
      const inner = { ...runtime, dir, env: { ...runtime.env, XDG_RUNTIME_DIR: dir } };
      inner.stateDir = (state = 'default') => join(dir, 'rnetns', state);
      const command = await startCommand(inner);
      expect(await netnsOfNewRun(inner)).to.equal(command.netns);
      await killNow(partsOf(inner).keeper);
      expect(await netnsOfNewRun(inner)).to.equal(command.netns);
      await command.finish();
      await run(['stop', '--force'], { env: inner.env });
      expect(Object.keys(snapshot(dir)).filter((file) => file !== 'rnetns')).to.deep.equal(['', 'mine']);
    });
  }

  it('through symbolic links works, and is the same as without them', async function () {
    const runtime = fresh(this);
    const link = join(runtime.dir, '..', 'link');
    symlinkSync(runtime.dir, link);
    const command = await startCommand(runtime);
    const env = { ...runtime.env, XDG_RUNTIME_DIR: link };
    expect(await netnsOfNewRun({ ...runtime, env })).to.equal(command.netns);
    await command.finish();
    await gone(runtime);
    await startCommand({ env }).then((other) => other.finish());
    await gone(runtime);
  });
});

describe('a state directory', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'unprivileged');
  });

  for (const level of ['rnetns', 'rnetns/default'] as const) {
    for (const [what, make, words] of [
      ['a link to a directory', (path: string) => symlinkSync('/tmp', path), /it is a symbolic link/],
      ['a dangling link', (path: string) => symlinkSync('/nonexistent', path), /it is a symbolic link/],
      ['a file', (path: string) => writeFileSync(path, 'mine'), /not a directory/],
      ['open to all (0777)', (path: string) => made(path, 0o777), /its mode is 0777/],
      ['writable by its group (0770)', (path: string) => made(path, 0o770), /its mode is 0770/],
      ['not writable (0500)', (path: string) => made(path, 0o500), /permission denied/i],
    ] as const) {
      it(`${level} that is ${what} is refused and left as it is`, async function () {
        const runtime = fresh(this);
        const path = join(runtime.dir, level);
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        make(path);
        onTestEnd(() => {
          if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) chmodSync(path, 0o700);
          rmSync(path, { recursive: true, force: true });
        });
        await expectAllRefused(runtime.env, words, runtime.dir);
      });
    }
  }

  for (const name of ['a/b', '..', '.', '', 'a\nb', 'a b', '-x', 'a'.repeat(65), 'ä', '../../etc', '$HOME', '*']) {
    it(`with the name ${JSON.stringify(name.slice(0, 20))} is wrong usage`, async function () {
      const runtime = fresh(this);
      for (const args of [
        ['run', `--name=${name}`, '--', 'true'],
        ['unshare', `--name=${name}`, 'true'],
        ['status', `--name=${name}`],
        ['stop', `--name=${name}`],
        ['repair', `--name=${name}`],
        ['plan', '--name', name],
      ]) {
        const { status, stdout, stderr } = await run(args, { env: runtime.env });
        expect({ status, stdout }, `${args.join(' ')}: ${stderr}`).to.deep.equal({ status: 2, stdout: '' });
        expect(stderr).to.match(/^rnetns: [^]*\nhint: .*\n$/);
      }
      expect(Object.keys(snapshot(runtime.dir))).to.deep.equal(['']);
    });
  }

  it('on a full file system (64 KB) is refused, and works when there is space', async function () {
    const runtime = fresh(this);
    const script = `
      mount -t tmpfs -o size=64k,mode=700 tmpfs "$XDG_RUNTIME_DIR" || exit 99
      cat /dev/zero >"$XDG_RUNTIME_DIR/mine" 2>/dev/null
      "$1" run -- true
      echo "status $?, left: $(ls -A "$XDG_RUNTIME_DIR")" >&3
      rm "$XDG_RUNTIME_DIR/mine"
      "$1" run -- echo inside >&3
      "$1" stop --force`;
    const result = await run(
      ['--user', '--map-root-user', '--mount', 'sh', '-c', `exec 3>&1 >/dev/null; ${script}`, 'sh', launcher],
      {
        env: runtime.env,
        file: 'unshare',
      },
    );
    expect(result.stdout).to.match(/^status 125, left: (rnetns\n)?mine\ninside\n$/);
    expect(result.stderr).to.match(/^rnetns: [^\n]*no space is left[^\n]*\nhint: [^\n]+\n$/);
  });
});

/** Every file whose content a later call reads. */
const FILES = [
  'live',
  'state.json',
  'info.json',
  'resolv.conf',
  'rootless-netns-conn.pid',
  'driver',
  'lock-owner',
  'ref-count',
];

describe('a state file', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  const damages: Record<string, (path: string) => void> = {
    empty: (path) => writeFileSync(path, ''),
    torn: (path) => truncateSync(path, Math.floor(statSync(path).size / 2)),
    binary: (path) => writeFileSync(path, Buffer.from(Array.from({ length: 512 }, (_, index) => (index * 7) % 256))),
    'a word': (path) => writeFileSync(path, 'word'),
    'JSON of another kind': (path) => writeFileSync(path, '[{"a":null}]\n'),
    'a directory': (path) => {
      rmSync(path);
      mkdirSync(path);
    },
    'a dangling link': (path) => {
      rmSync(path);
      symlinkSync('/nonexistent/x', path);
    },
    'not readable': (path) => chmodSync(path, 0),
    missing: (path) => rmSync(path),
  };
  for (const [what, damage] of Object.entries(damages)) {
    it(`that is ${what}, while a command runs: the next one enters the same namespace, and all goes`, async function () {
      this.timeout(60_000);
      for (const file of FILES) {
        const runtime = fresh(this);
        const command = await startCommand(runtime);
        const path = join(runtime.stateDir(), file);
        if (file === 'ref-count') writeFileSync(path, '0\n');
        damage(path);
        const problem = `${file} that is ${what}`;
        const next = await run(['run', '--', 'readlink', '/proc/self/ns/net'], { env: runtime.env });
        expect({ stdout: next.stdout, stderr: next.stderr }, problem).to.deep.equal({
          stdout: `net:[${command.netns}]\n`,
          stderr: '',
        });
        for (const args of [['status', '--json'], ['list'], ['plan']]) {
          const { status, stderr } = await run(args, { env: runtime.env });
          expect({ status, stderr }, `${args.join(' ')}, ${problem}`).to.deep.equal({ status: 0, stderr: '' });
        }
        await command.finish();
        await gone(runtime).catch((cause: unknown) => {
          throw new Error(`${problem}: ${String(cause)}`, { cause });
        });
      }
    });

    it(`that is ${what}, of a namespace that is gone: the next run makes a new one`, async function () {
      for (const file of FILES) {
        const runtime = fresh(this);
        mkdirSync(runtime.stateDir(), { recursive: true, mode: 0o700 });
        const path = join(runtime.stateDir(), file);
        writeFileSync(path, 'rnetns1 0 0 1 1 1 1 1 1 .\n'.repeat(file === 'live' ? 1 : 2));
        if (file === 'ref-count') writeFileSync(path, '0\n');
        damage(path);
        await expectWorks(runtime).catch((cause: unknown) => {
          throw new Error(`${file} that is ${what}: ${String(cause)}`, { cause });
        });
      }
    });
  }

  it('with the pids of strangers: none of them is signalled, and the namespace is mended or made anew', async function () {
    this.timeout(60_000);
    const stranger = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
    onTestEnd(() => void stranger.kill('SIGKILL'));
    const pid = stranger.pid ?? 0;
    const start = startTime(pid) ?? 0;
    const own = startTime(process.pid) ?? 0;
    for (const dead of [false, true]) {
      for (const field of [3, 5, 7]) {
        for (const [reused, startTicks] of [
          [pid, start],
          [pid, 1],
          [process.pid, own],
          [1, 1],
        ] as const) {
          const runtime = fresh(this);
          const command = await startCommand(runtime);
          if (dead) {
            const { keeper, holder } = partsOf(runtime);
            await killNow(...(field === 7 ? [keeper] : [holder]));
          }
          const live = join(runtime.stateDir(), 'live');
          const words = readFileSync(live, 'latin1').split(' ');
          words[field] = String(reused);
          words[field + 1] = String(startTicks);
          writeFileSync(`${live}.new`, words.join(' '));
          renameSync(`${live}.new`, live);
          writeFileSync(join(runtime.stateDir(), 'rootless-netns-conn.pid'), `${reused}\n`);
          writeFileSync(join(runtime.stateDir(), 'driver'), `${reused} ${startTicks} 0\n\n`);
          expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
          await command.finish();
          await run(['stop', '--force'], { env: runtime.env });
          await gone(runtime);
          expect(alive(pid), 'the stranger lives').to.be.true;
        }
      }
    }
  });

  it('of another boot: the namespace is made anew, whatever lies around', async function () {
    const runtime = fresh(this);
    const command = await startCommand(runtime);
    const state = runtime.stateDir();
    const files = ['live', 'state.json', 'info.json', 'driver', 'rootless-netns-conn.pid', 'resolv.conf'];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const other = '00000000-1111-2222-3333-444444444444';
    const saved = files.map((file) => [file, readFileSync(join(state, file), 'utf8').replaceAll(boot, other)] as const);
    await command.finish();
    await gone(runtime);
    // The pids may be others' by now: this process's will do.
    mkdirSync(join(state, 'run/user/0'), { recursive: true, mode: 0o700 });
    for (const [file, text] of saved) writeFileSync(join(state, file), text);
    writeFileSync(join(state, 'rootless-netns-conn.pid'), `${process.pid}\n`);
    writeFileSync(join(state, 'rootless-netns'), '');
    writeFileSync(join(state, `lease.${saved[0]?.[1].split(' ')[1] ?? ''}`), '');
    const status = await run(['status', '--json'], { env: runtime.env });
    expect((JSON.parse(status.stdout) as { state: string }).state).to.equal('down');
    await expectWorks(runtime);
  });

  it('and all others removed by somebody, while a command runs: the next one enters the same namespace', async function () {
    const runtime = fresh(this);
    const command = await startCommand(runtime);
    rmSync(join(runtime.dir, 'rnetns'), { recursive: true });
    const next = await run(['run', '--', 'readlink', '/proc/self/ns/net'], { env: runtime.env });
    expect(next.stdout, next.stderr).to.equal(`net:[${command.netns}]\n`);
    await command.finish();
    await gone(runtime);
  });
});
