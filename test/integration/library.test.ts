/** The library: opening, run, status, info, stop, and how it says no. */

import { expect } from 'chai';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openIn, refusal, rejection, RnetnsError, RootlessNetns } from '../fixtures/library.js';
import { requires } from '../fixtures/requirements.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { gone } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

describe('the library', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('runs a program in the namespace, as a subprocess of execa', async function () {
    const netns = openIn(freshRuntimeDir(this), { name: 'lab' });
    // A process of the caller's own keeps it up.
    const { stdout, exitCode } = await netns.setup(
      1,
      () => netns.run('sh', ['-c', 'read line; echo "$line by $(id -u)"; exit 7'], { input: 'asked\n', reject: false }),
      { id: 'x' },
    );
    expect({ stdout, exitCode }).to.deep.equal({ stdout: 'asked by 0', exitCode: 7 });
    const status = await netns.status();
    expect(status.state).to.equal('running');
    expect(netns.info()?.addresses).to.deep.equal(status.addresses);
    await netns.teardown(1, null, { id: 'x' });
  });

  it("has a subprocess whose pid and end are the program's own", async function () {
    const netns = openIn(freshRuntimeDir(this));
    const subprocess = netns.run('sh', ['-c', 'echo $$; exec sleep 60'], { reject: false });
    const [line] = (await once(subprocess.stdout, 'data')) as [Buffer];
    expect(line.toString()).to.equal(`${subprocess.pid ?? 0}\n`);
    subprocess.kill('SIGTERM');
    expect((await subprocess).signal).to.equal('SIGTERM');
  });

  it('makes nothing when it is opened, and refuses a bad name or time', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    expect((await netns.status()).state).to.equal('down');
    expect(netns.info()).to.equal(undefined);
    await netns.stop();
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
    for (const [options, words] of [
      [{ name: '../x' }, 'bad name'],
      [{ timeoutMs: 0 }, 'bad timeoutMs 0'],
      [{ timeoutMs: Number.NaN }, 'bad timeoutMs NaN'],
    ] as const) {
      expect(() => RootlessNetns.open(options))
        .to.throw(RnetnsError, words)
        .with.property('code', 'ERR_USAGE');
    }
    expect(() => RootlessNetns.open({ runtimeDir: 'relative' }))
      .to.throw(RnetnsError)
      .with.property('code', 'ERR_RUNTIME_DIR');
  });

  it('stays with the runtime directory that it was opened with', async function () {
    const [runtime, other] = [freshRuntimeDir(this), freshRuntimeDir(this)];
    const saved = process.env.XDG_RUNTIME_DIR;
    onTestEnd(() => {
      process.env.XDG_RUNTIME_DIR = saved;
    });
    process.env.XDG_RUNTIME_DIR = runtime.dir;
    const netns = openIn(runtime, { runtimeDir: undefined });
    process.env.XDG_RUNTIME_DIR = other.dir;
    await netns.setup(1, null, { id: 'x' });
    expect((await netns.status()).directory).to.equal(runtime.stateDir());
    await netns.run('true', [], { env: { XDG_RUNTIME_DIR: other.dir } });
    expect(existsSync(join(other.dir, 'rnetns'))).to.be.false;
    await netns.teardown(1, null, { id: 'x' });
    await gone(runtime);
  });

  it('stop is refused while it is used, names the users, and tears down with force', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    await netns.setup(2);
    const subprocess = netns.run('sh', ['-c', 'echo; exec sleep 60'], { reject: false });
    await once(subprocess.stdout, 'data');
    const { code, message, hint } = await refusal(netns.stop());
    expect({ code, hint }).to.deep.equal({ code: 'ERR_IN_USE', hint: 'rnetns stop --force ends them too' });
    expect(message)
      .to.include(` ${subprocess.pid ?? 0},`)
      .and.to.include('2 references');
    expect((await netns.status()).refCount).to.equal(2);
    await netns.stop({ force: true });
    await gone(runtime);
    await subprocess;
  });

  it('has the words of the launcher in its errors: code, message, hint, and what happened as the cause', async function () {
    const runtime = freshRuntimeDir(this);
    const config = join(runtime.env.XDG_CONFIG_HOME ?? '', 'bad.conf');
    const netns = openIn(runtime, { config });
    writeFileSync(config, '[rnetns]\nlinger = soon\n');
    for (const act of [
      () => netns.setup(1, null, { id: 'x' }),
      () => netns.setup(1, () => expect.fail('it ran'), { id: 'x' }),
      () => netns.stop(),
    ]) {
      const error = (await rejection(act())) as InstanceType<typeof RnetnsError>;
      expect(error).to.be.instanceOf(RnetnsError);
      expect(error.code).to.equal('ERR_CONFIG');
      expect(error.message).to.match(/^reading settings failed on .*bad\.conf, line 2: /);
      expect(error.cause).to.have.property('exitCode', 125);
    }
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
  });

  it('says what is wrong when the launcher itself cannot work', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const path = process.env.PATH;
    onTestEnd(() => {
      process.env.PATH = path;
    });
    process.env.PATH = '/nowhere';
    const { code, message, hint } = await refusal(netns.setup(1, null, { id: 'x' }));
    process.env.PATH = path;
    expect(code, message).to.equal('ERR_PROGRAM_MISSING');
    expect(hint).to.include('PATH');
  });
});
