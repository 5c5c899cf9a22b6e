/** `rnetns lock`: a command with the lock of a namespace, for programs that take part in its state. */

import { expect } from 'chai';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { printed } from '../fixtures/netns-facts.js';
import { alive } from '../fixtures/processes.js';
import { act, counted, lingering, succeeded, up } from '../fixtures/references.js';
import { expectRefused, snapshot } from '../fixtures/refusals.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { launcher, run, spawnRnetns, type Background } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, startCommand } from '../fixtures/shared-netns.js';

/** `rnetns lock` with a command that has it when this returns, and ends at end-of-file. */
async function startLock({ env }: RuntimeDir): Promise<Background> {
  const started = spawnRnetns(['lock', '--', 'sh', '-c', 'echo locked; exec cat'], { env });
  await printed(started, 'locked\n');
  return started;
}

async function expectNothing(runtime: RuntimeDir): Promise<void> {
  await gone(runtime);
  expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
}

describe('rnetns lock', function () {
  it('runs its command with its streams and status, and leaves nothing where nothing was', async function () {
    const runtime = lingering(this, 0);
    const script = 'cat; echo words >&2; [ -d "$XDG_RUNTIME_DIR/rnetns/default" ]; exit 7';
    const result = await run(['lock', '--', 'sh', '-c', script], { env: runtime.env, input: 'in\n' });
    expect(result).to.include({ status: 7, stdout: 'in\n', stderr: 'words\n' });
    expect(await act(runtime, 'lock', 'true')).to.deep.equal(succeeded);
    expect(await act(runtime, 'lock', '--', 'sh', '-c', 'kill -TERM $$')).to.include({ status: 143 });
    expect(await act(runtime, 'lock', '--', '/no/such')).to.include({ status: 127 });
    expect(await act(runtime, 'lock')).to.include({ status: 2 });
    await expectNothing(runtime);
  });

  it('with all of the descriptors 3 to 9 taken is refused, and leaves nothing', async function () {
    const runtime = lingering(this, 0);
    const taken = [3, 4, 5, 6, 7, 8, 9].map((fd) => `exec ${fd}</dev/null`).join('; ');
    const script = `${taken}; exec "$0" lock -- true`;
    const result = await run(['-c', script, launcher], { env: runtime.env, file: '/bin/sh' });
    expectRefused(result, /no file descriptor below 10 is free/);
    await expectNothing(runtime);
  });

  it('makes others wait until its command has ended', async function () {
    requires(this, 'userns', 'tun', 'pasta');
    const runtime = lingering(this, 0);
    const lock = await startLock(runtime);
    const other = spawnRnetns(['run', '--', 'echo', 'inside'], { env: runtime.env });
    await sleep(700);
    expect(other.stdout() + other.stderr()).to.equal('');
    expect(readdirSync(runtime.stateDir())).to.deep.equal(['lock-owner']);
    lock.child.stdin?.end();
    expect(await lock.ended).to.deep.equal({ status: 0, signal: null });
    expect(await other.ended).to.deep.equal({ status: 0, signal: null });
    expect(other.stdout()).to.equal('inside\n');
    await gone(runtime);
  });

  it('is taken by one command at a time', async function () {
    const runtime = lingering(this, 0);
    const script = 'mkdir "$0" || exit 9; sleep 0.02; rmdir "$0"';
    const busy = join(runtime.dir, '../busy');
    const calls = Array.from({ length: 20 }, () => act(runtime, 'lock', '--', 'sh', '-c', script, busy));
    expect(await Promise.all(calls)).to.deep.equal(calls.map(() => succeeded));
    await expectNothing(runtime);
  });

  it('of a namespace that is up changes nothing of it, and its supervisor reaps only afterwards', async function () {
    requires(this, 'userns', 'tun', 'pasta');
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const lock = await startLock(runtime);
    await command.finish();
    await sleep(700);
    expect(existsSync(join(runtime.stateDir(), 'live')), 'still there').to.be.true;
    lock.child.stdin?.end();
    expect((await lock.ended).status).to.equal(0);
    await gone(runtime);
  });

  for (const [signal, alone] of [
    ['SIGTERM', true],
    ['SIGHUP', true],
    ['SIGTERM', false],
    ['SIGINT', false],
  ] as const) {
    it(`sent ${signal}${alone ? '' : ', with its command,'} ends with it, and the lock is free`, async function () {
      const runtime = lingering(this, 0);
      const script = 'echo up; exec cat';
      const lock = spawnRnetns([launcher, 'lock', '--', 'sh', '-c', script], { env: runtime.env, file: 'setsid' });
      await printed(lock, 'up\n');
      process.kill(alone ? lock.pid : -lock.pid, signal);
      expect((await lock.ended).status).to.be.above(128);
      expect(await act(runtime, 'lock', '--', 'true')).to.deep.equal(succeeded);
      await expectNothing(runtime);
    });
  }

  it('sent SIGTERM before it knows the pid of its command ends with it all the same', async function () {
    requires(this, 'ptrace');
    const runtime = lingering(this, 0);
    // fork(2) returns 0.7 s later to the launcher than to the child.
    const inject = ['-e', 'trace=clone,fork,vfork', '-e', 'inject=clone,fork,vfork:delay_exit=700000'];
    const args = ['-qq', '-o', '/dev/null', ...inject, launcher, 'lock', '--', 'sh', '-c', 'echo $PPID; exec cat'];
    const lock = spawnRnetns(args, { env: runtime.env, file: findProgram('strace') ?? 'strace' });
    process.kill(Number(await printed(lock, /^\d+\n/)), 'SIGTERM');
    expect((await lock.ended).status, lock.stderr()).to.equal(143);
    await expectNothing(runtime);
  });

  it('whose launcher is killed stays with its command', async function () {
    const runtime = lingering(this, 0);
    const lock = spawnRnetns(['lock', '--', 'sh', '-c', 'echo $$; exec sleep 300'], { env: runtime.env });
    const command = Number(await printed(lock, /\d+\n/));
    await killNow(lock.pid);
    expect(alive(command)).to.be.true;
    const env = { ...runtime.env, RNETNS_LOCK_SECONDS: '1' };
    expectRefused(await run(['lock', '--', 'true'], { env }), /another process kept it for 1 s/);
    await killNow(command);
    expect(await act(runtime, 'lock', '--', 'true')).to.deep.equal(succeeded);
    await expectNothing(runtime);
  });

  const CHANGES = [
    ['setup'],
    ['setup', '--id', 'x'],
    ['run', '--', 'true'],
    ['stop'],
    ['stop', '--force'],
    ['repair'],
    ['teardown'],
    ['lock', '--', 'true'],
  ];
  it('refuses at once what its command wants to change through rnetns, and leaves nothing', async function () {
    const runtime = lingering(this, 0);
    for (const args of CHANGES) {
      const result = await run(['lock', '--', launcher, ...args], { env: runtime.env });
      expectRefused(result, /locking \S+ failed: the program that called rnetns holds the lock itself/);
      expect(result.durationMs, 'not the 30 s of a wait').to.be.below(25_000);
      const json = await run(['lock', '--', launcher, '--json', ...args], { env: runtime.env });
      expect((JSON.parse(json.stderr) as { error: { code: string } }).error.code).to.equal('ERR_LOCK_HELD');
    }
    await expectNothing(runtime);
  });

  it('refuses that on a namespace that is up, too, where run, ids and reports need no lock', async function () {
    requires(this, 'userns', 'tun', 'pasta');
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const state = (): Record<string, string> => {
      // What every owner of the lock writes.
      const passing = ['lock-owner'];
      return Object.fromEntries(
        Object.entries(snapshot(runtime.stateDir())).filter(([file]) => !passing.includes(file)),
      );
    };
    const before = state();
    for (const args of CHANGES.filter(([verb, id]) => verb !== 'run' && id !== '--id')) {
      const result = await run(['lock', '--', launcher, ...args], { env: runtime.env });
      expectRefused(result, /holds the lock itself/);
    }
    expect(state()).to.deep.equal(before);
    for (const args of [
      ['run', '--', 'true'],
      ['setup', '--id', 'x'],
      ['setup', '--id', 'y'],
      ['status', '--json'],
      ['path', 'state'],
      ['list'],
      ['plan'],
      ['teardown', '--id', 'y'],
    ]) {
      const result = await run(['lock', '--', launcher, ...args], { env: runtime.env });
      expect(result, args.join(' ')).to.include({ status: 0, stderr: '' });
    }
    expect(await counted(runtime)).to.deep.equal(up(['x 1']));
    await command.finish();
    // The last one: dropped at once, and torn down when the lock is free.
    expect(await act(runtime, 'lock', '--', launcher, 'teardown', '--id', 'x')).to.deep.equal(succeeded);
    await gone(runtime);
  });

  it('is of one name: its command may change another one', async function () {
    requires(this, 'userns', 'tun', 'pasta');
    const runtime = lingering(this, 0);
    const call = ['lock', '--name', 'one', '--', launcher, 'run', '--name', 'two', '--', 'echo', 'inside'];
    expect(await act(runtime, ...call)).to.deep.equal({ status: 0, stdout: 'inside\n', stderr: '' });
    expect(existsSync(runtime.stateDir('one'))).to.be.false;
    await run(['stop', '--name', 'two'], { env: runtime.env });
  });

  it('that outlives the namespaces of other names leaves nothing of them', async function () {
    requires(this, 'userns', 'tun', 'pasta');
    const runtime = lingering(this, 0);
    const script = '"$0" run --name two -- true; while [ -e "$1" ]; do sleep 0.02; done';
    const call = ['lock', '--name', 'one', '--', 'sh', '-c', script, launcher, runtime.stateDir('two')];
    expect(await act(runtime, ...call)).to.deep.equal({ status: 0, stdout: '', stderr: '' });
    expect(readdirSync(runtime.dir)).to.deep.equal([]);
  });

  it('is not taken by a descriptor that is only open on the directory', async function () {
    requires(this, 'userns', 'tun', 'pasta');
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const script = 'exec 5<"$1"; shift; exec "$@"';
    const args = ['-c', script, 'sh', runtime.stateDir(), launcher, 'repair'];
    expect(await run(args, { env: runtime.env, file: 'sh' })).to.include({ status: 0, stdout: 'nothing to mend\n' });
    await command.finish();
    await gone(runtime);
  });
});
