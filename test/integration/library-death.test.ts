/** A part of the namespace, or the program that uses the library, dies while the caller's function runs. */

import { expect } from 'chai';
import type { Inside } from '../../src/index.js';
import { libraryUrl, openIn, refusal } from '../fixtures/library.js';
import { alive, commandLine, processesMentioning, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { run, spawnRnetns, type Background } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, partsOf, type Role } from '../fixtures/shared-netns.js';

const netnsOf = async ({ exec }: Inside): Promise<string> => (await exec('readlink', ['/proc/self/ns/net'])).stdout;

/** A program of its own, in the function of `setup` when this returns; it never comes to an end by itself. */
async function programInSetup({ env }: RuntimeDir, options: string): Promise<Background & { netns: string }> {
  const program = `
    const { RootlessNetns } = await import('${libraryUrl}');
    await RootlessNetns.open().setup(1, async ({ exec }) => {
      console.log((await exec('readlink', ['/proc/self/ns/net'])).stdout);
      await new Promise(() => undefined);
    }, ${options});`;
  const started = spawnRnetns(['--input-type=module', '--eval', program], { file: process.execPath, env });
  await waitFor(() => started.stdout().includes('\n'), {
    what: () => `the function to run: ${started.stderr()}`,
  });
  return { ...started, netns: started.stdout().trim() };
}

describe('the library: deaths', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  for (const roles of [
    ['guard'],
    ['keeper'],
    ['driver'],
    ['supervisor'],
    ['guard', 'supervisor'],
    ['guard', 'supervisor', 'keeper', 'driver'],
  ] as const satisfies readonly Role[][]) {
    it(`of the ${roles.join(', ')} while the function runs: it goes on in the same namespace, and counts`, async function () {
      const runtime = freshRuntimeDir(this);
      const netns = openIn(runtime);
      await netns.setup(1, null, { id: 'before' });
      const [first, second] = await netns.setup(
        1,
        async (inside) => {
          const was = await netnsOf(inside);
          const parts = partsOf(runtime);
          await killNow(...roles.map((role) => parts[role]));
          return [was, await netnsOf(inside)];
        },
        { id: 'web' },
      );
      expect(second).to.equal(first);
      expect((await netns.status()).refCount).to.equal(2);
      for (const [role, pid] of Object.entries(partsOf(runtime))) expect(alive(pid), role).to.be.true;
      expect((await netns.run('readlink', ['/proc/self/ns/net'])).stdout).to.equal(first);
      await netns.teardown(1, null, { id: 'before' });
      await netns.teardown(1, netnsOf, { id: 'web' });
      await gone(runtime);
    });
  }

  it('of a part, and nothing is asked before the function ends: it counts all the same', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    for (const role of ['guard', 'keeper', 'supervisor'] as const) {
      await netns.setup(1, () => killNow(partsOf(runtime)[role]), { id: role });
    }
    expect((await netns.status()).refCount).to.equal(3);
    for (const id of ['guard', 'keeper', 'supervisor']) await netns.teardown(1, null, { id });
    await gone(runtime);
  });

  it('kill -9 of the launcher while the function runs: an error, nothing is counted, and nothing left', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const setup = netns.setup(
      1,
      async (inside) => {
        const launchers = processesMentioning(runtime.dir).filter((pid) => commandLine(pid)[2] === 'setup');
        expect(launchers).to.have.lengthOf(1);
        await killNow(...launchers);
        // The process inside lives, and with it the namespace.
        expect(await netnsOf(inside)).to.match(/^net:/);
      },
      { id: 'web' },
    );
    const { code, message } = await refusal(setup);
    expect({ code, said: message.includes('was killed by SIGKILL, and nothing was counted') }, message).to.deep.equal({
      code: 'ERR_NETNS',
      said: true,
    });
    await gone(runtime);
  });

  it('kill -9 of the program while its function runs: nothing is counted, and nothing left', async function () {
    const runtime = freshRuntimeDir(this);
    openIn(runtime);
    for (const options of ['{}', "{ id: 'web' }"]) {
      const program = await programInSetup(runtime, options);
      program.child.kill('SIGKILL');
      await gone(runtime);
    }
  });

  it('kill -9 of the program beside others: they keep the namespace and their counts', async function () {
    const runtime = freshRuntimeDir(this);
    const netns = openIn(runtime);
    const was = await netns.setup(2, netnsOf, { id: 'db' });
    const program = await programInSetup(runtime, "{ id: 'web' }");
    expect(program.netns).to.equal(was);
    program.child.kill('SIGKILL');
    await program.ended;
    await waitFor(async () => (await netns.status()).processes === 0, { what: 'the process inside to be gone' });
    const { references, refCount } = await netns.status();
    expect({ ids: references?.map(({ id }) => id), refCount }).to.deep.equal({ ids: ['db'], refCount: 2 });
    expect(await netns.teardown(2, netnsOf, { id: 'db' })).to.equal(was);
    await gone(runtime);
  });

  it('Ctrl-C is for the program to decide: the function goes on if it does', async function () {
    const runtime = freshRuntimeDir(this);
    openIn(runtime);
    const program = `
      const { RootlessNetns } = await import('${libraryUrl}');
      const asked = new Promise((resolve) => process.once('SIGINT', resolve));
      const netns = RootlessNetns.open();
      console.log(await netns.setup(1, async ({ exec }) => {
        console.log('waiting');
        await asked;
        return (await exec('id', ['-u'])).stdout;
      }, { id: 'web' }));`;
    // setsid: a process group of its own, as a shell gives one, for the signal of the terminal.
    const started = spawnRnetns([process.execPath, '--input-type=module', '--eval', program], {
      file: 'setsid',
      env: runtime.env,
    });
    await waitFor(() => started.stdout() === 'waiting\n', { what: 'the function to run' });
    process.kill(-started.pid, 'SIGINT');
    expect(await started.ended).to.deep.equal({ status: 0, signal: null });
    expect(started.stdout()).to.equal('waiting\n0\n');
    expect((await run(['teardown', '--id', 'web'], { env: runtime.env })).status).to.equal(0);
    await gone(runtime);
  });
});
