/** setup and teardown of the library: those of the command line, with a function of the caller's in the place of CMD. */

import { expect } from 'chai';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Inside } from '../../src/index.js';
import { libraryUrl, openIn, refusal, rejection, RnetnsError } from '../fixtures/library.js';
import { commandLine, namespaceInode, processesMentioning, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { run, spawnRnetns } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { gone } from '../fixtures/shared-netns.js';

const boom = new Error('boom');
const fail = (): never => {
  throw boom;
};
const netnsOf = async ({ exec }: Inside): Promise<string> => (await exec('readlink', ['/proc/self/ns/net'])).stdout;

describe('the library: references', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('setup counts after the function has succeeded, gives its value, and keeps the namespace', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const value = await netns.setup(
      2,
      async (inside) => ({ netns: await netnsOf(inside), counted: (await netns.status()).refCount }),
      { id: 'web' },
    );
    expect(value.counted).to.equal(0);
    const { refCount, references, keeper } = await netns.status();
    expect(refCount).to.equal(2);
    expect(references?.map(({ id, nets, pid, problem }) => ({ id, nets, pid, problem }))).to.deep.equal([
      { id: 'web', nets: 2, pid: null, problem: null },
    ]);
    expect(value.netns).to.equal(`net:[${namespaceInode(keeper?.pid ?? 0) ?? 0}]`);

    const dropped = await netns.teardown(
      1,
      async (inside) => [await netnsOf(inside), (await netns.status()).refCount],
      {
        id: 'web',
      },
    );
    expect(dropped).to.deep.equal([value.netns, 2]);
    await gone(runtime);
  });

  it('a failing function on a namespace made for it removes it again; its error is the result', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    expect(await rejection(netns.setup(1, fail, { id: 'web' }))).to.equal(boom);
    expect(existsSync(runtime.stateDir())).to.be.false;
    expect(await rejection(netns.teardown(1, fail, { id: 'web' }))).to.equal(boom);
    expect(existsSync(runtime.stateDir())).to.be.false;
    // A program that fails inside is a failing function, when it is awaited.
    const error = await rejection(netns.setup(1, ({ exec }) => exec('sh', ['-c', 'echo why >&2; exit 3'])));
    expect(error).to.include({ name: 'ExecaError', exitCode: 3, stderr: 'why' });
    await gone(runtime);
  });

  it('a failing function on one that is there changes nothing', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    await netns.setup(1, null, { id: 'web' });
    await netns.setup(3);
    const before = await netns.status();
    for (const id of ['web', 'db', undefined]) {
      expect(await rejection(netns.setup(1, fail, { id }))).to.equal(boom);
      expect(await rejection(netns.teardown(1, fail, { id }))).to.equal(boom);
    }
    expect(await netns.status()).to.deep.equal(before);
    await netns.teardown(3, undefined);
    await netns.teardown(1, undefined, { id: 'web' });
    await gone(runtime);
  });

  it('an id counts once, and tearing down what is not there is fine', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    await netns.teardown(1, null, { id: 'web' });
    expect(existsSync(runtime.stateDir())).to.be.false;
    for (const nets of [1, 5, 2]) await netns.setup(nets, nets === 5 ? () => undefined : null, { id: 'web' });
    expect((await netns.status()).refCount).to.equal(2);
    await netns.teardown(1, null, { id: 'web' });
    await netns.teardown(1, null, { id: 'web' });
    await gone(runtime);
  });

  it('a teardown that finds nothing counted leaves no namespace that was made for its function', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    runtime.configure('[rnetns]\nlinger = 60\n');
    expect(await netns.teardown(1, netnsOf, { id: 'web' })).to.match(/^net:/);
    expect(existsSync(runtime.stateDir())).to.be.false;
  });

  it('dropping more than was counted leaves 0 and is a warning', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    await netns.setup(2);
    const warned = once(process, 'warning') as Promise<[Error & { code: string }]>;
    await netns.teardown(3);
    const [warning] = await warned;
    expect(warning).to.include({ name: 'RnetnsWarning', code: 'ERR_REFERENCES' });
    expect(warning.message).to.match(/was 2, and 3 were to be dropped/);
    await gone(runtime);
  });

  it('what rnetns warns of is a warning, and what it logs for debugging is on stderr, also when all went well', async function () {
    const runtime = freshRuntimeDir(this);
    const script = `
      import { RootlessNetns } from ${JSON.stringify(libraryUrl)};
      process.on('warning', ({ name, message }) => console.log(name, message));
      await RootlessNetns.open().setup(1, null, { id: 'web' });`;
    const setUp = (level: string) =>
      run(['--input-type=module', '-e', script], {
        file: process.execPath,
        env: { ...runtime.env, RNETNS_LOG_LEVEL: level },
      });
    const debug = await setUp('debug');
    expect(debug.status, debug.stderr).to.equal(0);
    expect(debug.stderr).to.match(/ rnetns debug: creating /);
    expect((await run(['stop', '--force'], { env: runtime.env })).status).to.equal(0);
    expect((await setUp('warn')).stderr).to.not.include(' rnetns ');
    // Another state is to be mended with a word.
    rmSync(join(runtime.dir, 'rnetns'), { recursive: true });
    const warned = await setUp('warn');
    expect(warned.status, warned.stderr).to.equal(0);
    expect(warned.stdout).to.match(/^RnetnsWarning the state of .* was removed/m);
    expect((await run(['stop', '--force'], { env: runtime.env })).status).to.equal(0);
    await gone(runtime);
  });

  it('a reference with a pid goes with that process, and the namespace after it', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const container = spawnRnetns(['60'], { file: 'sleep' });
    await netns.setup(1, netnsOf, { id: 'web', pid: container.pid });
    expect((await netns.status()).references?.[0]).to.include({ pid: container.pid, command: 'sleep' });
    container.child.kill('SIGKILL');
    await container.ended;
    await gone(runtime);
    const { code, hint } = await refusal(netns.setup(1, netnsOf, { id: 'web', pid: container.pid }));
    expect({ code, hint }).to.deep.equal({ code: 'ERR_PROCESS', hint: 'give the pid of a process that runs' });
    await gone(runtime);
  });

  it('wrong arguments are refused before anything is started', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const ran: unknown[] = [];
    const wrong: [words: string, nets: unknown, fn: unknown, options: unknown][] = [
      ['networks 0', 0, null, {}],
      ['networks -1', -1, null, {}],
      ['networks 1.5', 1.5, null, {}],
      ['networks NaN', Number.NaN, null, {}],
      ['networks 10000000', 10_000_000, null, {}],
      ['networks "1"', '1', null, {}],
      ['function "true"', 1, 'true', {}],
      ['id ""', 1, null, { id: '' }],
      ['id "../x"', 1, null, { id: '../x' }],
      ['id "a\\nb"', 1, null, { id: 'a\nb' }],
      ['id "xxx', 1, null, { id: 'x'.repeat(129) }],
      ['id 7', 1, null, { id: 7 }],
      ['pid 0', 1, null, { id: 'x', pid: 0 }],
      ['pid 1.5', 1, null, { id: 'x', pid: 1.5 }],
      ['pid 4194305', 1, null, { id: 'x', pid: 4_194_305 }],
      ['a pid without an id', 1, null, { pid: process.pid }],
    ];
    for (const [words, nets, fn, options] of wrong) {
      const untyped = netns as unknown as { setup: (...args: unknown[]) => Promise<unknown> };
      const { code, message, hint } = await refusal(untyped.setup(nets, fn ?? (() => ran.push(words)), options));
      expect({ code, hinted: hint !== '' }, words).to.deep.equal({ code: 'ERR_USAGE', hinted: true });
      expect(message).to.include(words);
    }
    expect(ran).to.deep.equal([]);
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
  });

  it('holds no lock while the function runs, and a lease', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const env = { ...runtime.env, RNETNS_LOCK_SECONDS: '5' };
    await netns.setup(1, async () => {
      const locked = await run(['lock', '--', 'echo', 'mine'], { env });
      expect({ status: locked.status, stdout: locked.stdout }, locked.stderr).to.deep.equal({
        status: 0,
        stdout: 'mine\n',
      });
      expect((await refusal(netns.stop())).code).to.equal('ERR_IN_USE');
    });
    await netns.teardown(1);
    await gone(runtime);
  });

  it('a namespace taken away under the function is an error of it, and nothing is counted', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    await netns.setup(1);
    let seen: unknown;
    const setup = netns.setup(
      1,
      async ({ signal, exec }) => {
        await netns.stop({ force: true });
        await waitFor(() => signal.aborted, { what: 'the signal' });
        seen = signal.reason;
        expect(() => exec('true'))
          .to.throw(RnetnsError)
          .with.property('code', 'ERR_NETNS');
      },
      { id: 'web' },
    );
    const { code, message, hint } = await refusal(setup);
    expect(code).to.equal('ERR_NETNS');
    expect(message).to.match(/setup of the namespace default failed: the process that held .* and nothing was counted/);
    expect(hint).to.include('stop --force');
    expect(seen).to.equal(await rejection(setup));
    await gone(runtime);
  });

  it('the handle is of no use when its function is over', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const inside = await netns.setup(1, (handle) => handle, { id: 'web' });
    expect(() => inside.exec('true'))
      .to.throw(RnetnsError, 'is over')
      .with.property('code', 'ERR_USAGE');
    expect(inside.signal.aborted).to.be.false;
    await netns.stop({ force: true });
  });

  it('waits for rnetns no longer than timeoutMs, and leaves nothing running then', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime, { timeoutMs: 500 });
    const locker = spawnRnetns(['lock', '--', 'sh', '-c', 'echo locked; cat'], { env: runtime.env });
    await waitFor(() => locker.stdout() !== '', { what: 'the lock' });
    for (const fn of [null, () => expect.fail('it ran')]) {
      const { code, message } = await refusal(netns.setup(1, fn as null, { id: 'web' }));
      expect({ code, said: message.includes('no answer within 0.5 s') }).to.deep.equal({
        code: 'ERR_NETNS',
        said: true,
      });
    }
    const waiting = (): number[] =>
      processesMentioning(runtime.dir).filter((pid) => /flock|setup/.test(commandLine(pid).join(' ')));
    await waitFor(() => waiting().length === 0, { what: 'the launchers and what they waited for to be gone' });
    locker.child.stdin?.end();
    await locker.ended;
    await gone(runtime);
  });
});
