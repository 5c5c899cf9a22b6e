/** What is wrong with the directory or the files that rnetns finds its state in. */

import { expect } from 'chai';
import { chmodSync, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { forgetKeptPlan } from '../fixtures/kept-plan.js';
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
    ['that is in /proc', '/proc/sys', /XDG_RUNTIME_DIR=\/proc\/sys: it belongs to uid 0/],
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
      forgetKeptPlan(dir);
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
