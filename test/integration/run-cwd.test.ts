/** `run` leaves its command in the caller's working directory, whatever that is called and wherever it lies. */

import { expect } from 'chai';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requires } from '../fixtures/requirements.js';
import { launcher, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** A directory with a file `here` in it. */
function directory(parent: string, name = ''): string {
  const made = name === '' ? mkdtempSync(join(parent, 'rnetns-cwd-')) : join(parent, name);
  if (name !== '') mkdirSync(made);
  writeFileSync(join(made, 'here'), 'found\n');
  if (name === '') onTestEnd(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

describe('run: the working directory', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  for (const [what, name] of [
    ['with spaces', ' two  words '],
    ['with a newline', 'line\nfeed\n'],
    ['with shell characters', '$HOME `id` "quo\'te" *'],
    ['with a leading -', '-n'],
  ] as const) {
    it(`${what} is the command's`, async function () {
      const { env } = freshRuntimeDir(this);
      const cwd = directory(directory(tmpdir()), name);
      for (const when of ['cold', 'warm']) {
        const { stdout, stderr } = await run(['run', '--', 'sh', '-c', 'cat here; pwd -P'], { env, cwd });
        expect({ stdout, stderr }, when).to.deep.equal({ stdout: `found\n${cwd}\n`, stderr: '' });
      }
    });
  }

  it('reached by a link is the one that the link leads to, and PWD keeps the name', async function () {
    const { env } = freshRuntimeDir(this);
    const cwd = directory(tmpdir());
    const link = `${cwd}/link`;
    symlinkSync(directory(cwd, 'real'), link);
    const script = 'cd "$2" && exec "$1" run -- sh -c \'cat here; pwd -P; echo "$PWD"\'';
    const { stdout, stderr } = await run(['-c', script, 'sh', launcher, link], { env, file: '/bin/sh' });
    expect({ stdout, stderr }).to.deep.equal({ stdout: `found\n${cwd}/real\n${link}\n`, stderr: '' });
  });

  it('that was removed is no obstacle', async function () {
    const { env } = freshRuntimeDir(this);
    const cwd = mkdtempSync(join(tmpdir(), 'rnetns-cwd-'));
    const script = 'cd "$2" && rmdir "$2" && exec "$1" run -- readlink /proc/self/cwd';
    const { status, stdout, stderr } = await run(['-c', script, 'sh', launcher, cwd], { env, file: '/bin/sh' });
    expect(status, stderr).to.equal(0);
    expect(stdout).to.equal(`${cwd} (deleted)\n`);
  });

  it('that the caller may not read is no obstacle', async function () {
    requires(this, 'unprivileged');
    const { env } = freshRuntimeDir(this);
    const { status, stdout, stderr } = await run(['run', '--', 'pwd'], { env, cwd: '/' });
    expect({ status, stdout, stderr }).to.deep.equal({ status: 0, stdout: '/\n', stderr: '' });
  });

  it('below XDG_RUNTIME_DIR is there by name, and files made in it are the real ones', async function () {
    const { env, dir } = freshRuntimeDir(this);
    const cwd = directory(dir);
    const { stdout, stderr } = await run(['run', '--', 'sh', '-c', 'cat here; pwd -P; echo x >made'], { env, cwd });
    expect({ stdout, stderr }).to.deep.equal({ stdout: `found\n${cwd}\n`, stderr: '' });
    expect(readdirSync(cwd)).to.deep.equal(['here', 'made']);
    rmSync(cwd, { recursive: true });
  });

  it('elsewhere in /run, which is hidden inside, is still the same directory', async function () {
    const { env } = freshRuntimeDir(this);
    const parent = ['/run/lock', '/run/user', '/run'].find((path) => {
      try {
        rmdirSync(mkdtempSync(join(path, 'rnetns-probe-')));
        return true;
      } catch {
        return false;
      }
    });
    // Every user has a writable directory in /run: the parent of the test's own runtime directory, if nothing else.
    const cwd = directory(parent ?? process.env.XDG_RUNTIME_DIR!);
    for (const when of ['cold', 'warm']) {
      const { stdout, stderr } = await run(['run', '--', 'sh', '-c', 'cat here; echo x >made'], { env, cwd });
      expect({ stdout, stderr }, when).to.deep.equal({ stdout: 'found\n', stderr: '' });
    }
    expect(readdirSync(cwd)).to.include('made');
  });

  it('of `unshare` is the same', async function () {
    const { env } = freshRuntimeDir(this);
    const cwd = directory(tmpdir());
    const { stdout, stderr } = await run(['unshare', '--', 'sh', '-c', 'cat here; pwd -P'], { env, cwd });
    expect({ stdout, stderr }).to.deep.equal({ stdout: `found\n${cwd}\n`, stderr: '' });
  });
});
