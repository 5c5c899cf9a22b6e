/** 100 callers of the library at once, in one process: every one has the semantics of one alone. */

import { expect } from 'chai';
import { existsSync } from 'node:fs';
import type { Inside } from '../../src/index.js';
import { libraryUrl, openIn } from '../fixtures/library.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { gone } from '../fixtures/shared-netns.js';

const CALLERS = 100;
const each = <T>(act: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: CALLERS }, (_, index) => act(index)));

const netnsOf = async ({ exec }: Inside): Promise<string> => (await exec('readlink', ['/proc/self/ns/net'])).stdout;
const fail = (): never => {
  throw new Error('boom');
};

describe('the library: 100 callers at once', function () {
  // Generous: on two busy cores a call takes some tens of milliseconds of both.

  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('distinct ids: one namespace for all of them, the count exact, and nothing left', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const inside = await each((index) => netns.setup(1 + (index % 3), netnsOf, { id: `c${index}` }));
    expect(new Set(inside)).to.have.lengthOf(1);
    const { references, refCount } = await netns.status();
    expect(references).to.have.lengthOf(CALLERS);
    expect(refCount).to.equal(Array.from({ length: CALLERS }, (_, index) => 1 + (index % 3)).reduce((a, b) => a + b));
    const outside = await each((index) => netns.teardown(1, netnsOf, { id: `c${index}` }));
    expect(new Set(outside)).to.deep.equal(new Set(inside));
    await gone(runtime);
  });

  it('the same id: it counts once, and the first teardown drops it', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    await each((index) => netns.setup(4, index % 2 === 0 ? null : () => index, { id: 'web' }));
    const { references, refCount } = await netns.status();
    expect({ ids: references?.map(({ id }) => id), refCount }).to.deep.equal({ ids: ['web'], refCount: 4 });
    await each(() => netns.teardown(4, null, { id: 'web' }));
    await gone(runtime);
  });

  it('without an id: all of them count, and the last teardown ends it', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    await each((index) => netns.setup(2, index % 4 === 0 ? netnsOf : null));
    expect((await netns.status()).refCount).to.equal(2 * CALLERS);
    await each((index) => (index === 0 ? Promise.resolve(undefined) : netns.teardown(2)));
    expect(await netns.status()).to.include({ refCount: 2, state: 'running' });
    await netns.teardown(2);
    await gone(runtime);
  });

  it('functions that fail among those that do not: only these count, each caller has its own error', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const results = await Promise.allSettled(
      Array.from({ length: CALLERS }, (_, index) =>
        netns.setup(
          1,
          async (inside) => {
            const inode = await netnsOf(inside);
            if (index % 2 === 1) throw new Error(`boom ${index}`);
            return inode;
          },
          { id: `c${index}` },
        ),
      ),
    );
    for (const [index, result] of results.entries()) {
      if (result.status === 'rejected') expect(String(result.reason)).to.equal(`Error: boom ${index}`);
      expect(result.status).to.equal(index % 2 === 1 ? 'rejected' : 'fulfilled');
    }
    const counted = (await netns.status()).references?.map(({ id }) => id);
    const even = Array.from({ length: CALLERS / 2 }, (_, index) => `c${2 * index}`);
    expect(counted).to.have.members(even);
    await each((index) => netns.teardown(1, null, { id: `c${index}` }));
    await gone(runtime);
  });

  it('functions that all fail leave no namespace', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const results = await Promise.allSettled(
      Array.from({ length: CALLERS }, (_, index) =>
        index % 2 === 0 ? netns.setup(1, fail, { id: `c${index}` }) : netns.setup(1, fail),
      ),
    );
    expect(results.map(({ status }) => status)).to.not.include('fulfilled');
    await gone(runtime);
    expect(existsSync(runtime.stateDir())).to.be.false;
  });

  it('more than the process has descriptors for: those calls are refused, the others count', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    await netns.setup(1, null, { id: 'first' });
    const program = `
      const { RootlessNetns } = await import('${libraryUrl}');
      const netns = RootlessNetns.open();
      const calls = Array.from({ length: ${CALLERS} }, (_, index) =>
        netns.setup(1, index % 2 === 0 ? null : () => undefined, { id: 'c' + index }));
      const results = await Promise.allSettled(calls);
      console.log(JSON.stringify(results.map(({ reason }) => reason === undefined ? 'counted' : reason.code)));`;
    const script = 'ulimit -n 160; exec "$0" --input-type=module --eval "$1"';
    const { status, stdout, stderr } = await run(['-c', script, process.execPath, program], {
      file: 'sh',
      env: runtime.env,
      timeoutMs: 60_000,
    });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const results = JSON.parse(stdout) as string[];
    const counted = results.flatMap((result, index) => (result === 'counted' ? [`c${index}`] : []));
    expect(results).to.have.lengthOf(CALLERS).and.to.include.members(['counted', 'ERR_NETNS']);
    expect(new Set(results)).to.have.lengthOf(2);
    expect((await netns.status()).references?.map(({ id }) => id)).to.have.members(['first', ...counted]);
    await netns.stop({ force: true });
    await gone(runtime);
  });

  it('setup and teardown of all kinds, mixed: each id ends as its last call left it', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    await each(async (index) => {
      const id = `c${index}`;
      await netns.setup(1, index % 3 === 0 ? netnsOf : null, { id });
      await netns.teardown(1, index % 5 === 0 ? netnsOf : null, { id });
      await netns.setup(1);
      if (index % 2 === 0) await netns.setup(3, null, { id });
      await netns.teardown(1);
    });
    const { references, refCount } = await netns.status();
    expect({ ids: references?.length, refCount }).to.deep.equal({ ids: CALLERS / 2, refCount: (3 * CALLERS) / 2 });
    await each((index) => netns.teardown(1, null, { id: `c${index}` }));
    await gone(runtime);
  });
});
