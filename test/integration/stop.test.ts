/** `stop`: refused while used, forced, of nothing, of a namespace half dead, beside runs. */

import { expect } from 'chai';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { forgetKeptPlan } from '../fixtures/kept-plan.js';
import { alive, waitFor } from '../fixtures/processes.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, netnsOfNewRun, partsOf, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

function lingering(context: Mocha.Context, linger: number): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure(`[rnetns]\nlinger = ${linger}\n`);
  return runtime;
}

const succeeded = { status: 0, stdout: '', stderr: '' };

async function act({ env }: RuntimeDir, ...args: string[]): Promise<typeof succeeded | { status: number | null }> {
  const { status, stdout, stderr } = await run(args, { env });
  return { status, stdout, stderr };
}

describe('stop', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('of nothing succeeds and makes nothing', async function () {
    const runtime = lingering(this, 0);
    expect(await act(runtime, 'stop')).to.deep.equal(succeeded);
    expect(await act(runtime, 'stop', '--force', '--name', 'other')).to.deep.equal(succeeded);
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
  });

  it('of a namespace that lingers tears it down at once', async function () {
    const runtime = lingering(this, 60);
    await netnsOfNewRun(runtime);
    expect(await act(runtime, 'stop')).to.deep.equal(succeeded);
    // Whoever stops wants it gone, and doesn't wait for the linger.
    await gone(runtime);
  });

  it('of a used namespace is refused, names the user, and changes nothing', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const parts = partsOf(runtime);
    const { status, stderr } = await run(['stop'], { env: runtime.env });
    expect(status).to.equal(125);
    expect(stderr).to.match(new RegExp(`^rnetns: .*in use by process ${command.pid}\nhint: .*--force.*\n$`));
    expect(partsOf(runtime)).to.deep.equal(parts);
    expect(alive(command.pid)).to.be.true;
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    await command.finish();
    await gone(runtime);
  });

  it('is refused for a command that closed its descriptors, too', async function () {
    const runtime = lingering(this, 0);
    const close = [3, 4, 5, 6, 7, 8, 9].map((fd) => `exec ${fd}>&-`).join('; ');
    const command = await startCommand(runtime, close);
    const { status, stderr } = await run(['stop'], { env: runtime.env });
    expect({ status, names: stderr.includes(` ${command.pid}`) }).to.deep.equal({ status: 125, names: true });
    await command.finish();
    await gone(runtime);
  });

  it('--force ends every command, however it takes signals, and all is gone', async function () {
    const runtime = lingering(this, 60);
    const plain = await startCommand(runtime);
    const stubborn = await startCommand(runtime, 'trap "" TERM INT HUP');
    const child = await startCommand(runtime, 'sleep 100 >/dev/null 2>&1 &');
    expect(await act(runtime, 'stop', '--force')).to.deep.equal(succeeded);
    await gone(runtime, 1000);
    for (const command of [plain, stubborn, child]) {
      const { signal } = await command.ended;
      expect(signal).to.be.oneOf(['SIGTERM', 'SIGKILL']);
    }
  });

  it('of one name leaves the others alone', async function () {
    const runtime = lingering(this, 0);
    const [first, second] = [
      await startCommand(runtime, ':', ['--name', 'first']),
      await startCommand(runtime, ':', ['-n', 'second']),
    ];
    expect(first.netns).to.not.equal(second.netns);
    expect(await act(runtime, 'stop', '--force', '--name', 'first')).to.deep.equal(succeeded);
    expect(alive(second.pid)).to.be.true;
    expect(await netnsOfNewRun(runtime, ['--name', 'second'])).to.equal(second.netns);
    await second.finish();
    await gone(runtime);
  });

  it('leaves alone what the next call makes before it has ended itself', async function () {
    const runtime = lingering(this, 0);
    await startCommand(runtime);
    // The teardown takes its time after the state is gone, and the lock with it.
    const bin = dirname(runtime.dir);
    const slow = `case $2 in */rnetns) sleep 2 ;; esac\nexec ${findProgram('rmdir') ?? ''} "$@"`;
    writeFileSync(join(bin, 'rmdir'), `#!/bin/sh\n${slow}\n`, { mode: 0o755 });
    const env = { ...runtime.env, PATH: `${bin}:${runtime.env.PATH ?? ''}` };
    const stopping = run(['stop', '--force'], { env });
    await waitFor(() => !existsSync(runtime.stateDir()), { what: 'the state to be gone' });
    const command = await startCommand(runtime);
    const parts = partsOf(runtime);
    expect((await stopping).durationMs, 'it was slow').to.be.above(2000);
    expect((await stopping).status).to.equal(0);
    expect(partsOf(runtime)).to.deep.equal(parts);
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    await command.finish();
    await gone(runtime);
  });

  for (const dead of [
    ['guard', 'supervisor'],
    ['guard', 'supervisor', 'keeper'],
    ['guard', 'supervisor', 'keeper', 'driver'],
  ] as const) {
    it(`--force without the ${dead.join(', ')} ends the commands and removes only what is its own`, async function () {
      const outer = lingering(this, 0);
      // Not below /run: the keeper sees all of this directory below the state directory, and must not be the way there.
      const dir = mkdtempSync('/tmp/rnetns-run-');
      onTestEnd(() => rmSync(dir, { recursive: true, force: true }));
      const env = { ...outer.env, XDG_RUNTIME_DIR: dir };
      const runtime: RuntimeDir = { ...outer, env, dir, stateDir: (name = 'default') => join(dir, 'rnetns', name) };
      writeFileSync(join(dir, 'precious'), 'mine');
      const command = await startCommand(runtime);
      const parts = partsOf(runtime);
      await killNow(...dead.map((role) => parts[role]));
      const refused = await run(['stop'], { env });
      expect(refused.status, 'while it is used').to.equal(125);
      expect(await act(runtime, 'stop', '--force')).to.deep.equal(succeeded);
      await command.ended;
      for (const pid of Object.values(parts)) expect(alive(pid), `pid ${pid}`).to.be.false;
      forgetKeptPlan(dir);
      expect(existsSync(join(dir, 'rnetns'))).to.be.false;
      expect(readFileSync(join(dir, 'precious'), 'utf8')).to.equal('mine');
    });
  }

  it('beside runs: every run succeeds, and every stop does or is refused', async function () {
    const runtime = lingering(this, 0);
    const worker = async (args: string[], allowed: RegExp): Promise<void> => {
      for (let round = 0; round < 10; round += 1) {
        const { status, stderr } = await run(args, { env: runtime.env });
        expect(`${String(status)} ${stderr}`).to.match(allowed);
      }
    };
    await Promise.all([
      ...[1, 2, 3].map(() => worker(['run', '--', 'true'], /^0 $/)),
      ...[1, 2].map(() => worker(['stop'], /^(0 $|125 rnetns: .* in use by )/)),
    ]);
    await gone(runtime);
  });
});
