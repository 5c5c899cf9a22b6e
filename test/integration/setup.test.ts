/** `setup` and its command: what it sees, how it ends, and when its reference counts. */

import { expect } from 'chai';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printed } from '../fixtures/netns-facts.js';
import { alive, namespaceInode, waitFor } from '../fixtures/processes.js';
import { act, counted, down, lingering, startProcess, succeeded, up } from '../fixtures/references.js';
import { expectRefused } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run, spawnRnetns, type Background } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, netnsOfNewRun, startCommand } from '../fixtures/shared-netns.js';

/** A command that says what signal it got, and ends with 42. */
const TALKS =
  'for s in TERM HUP INT; do trap "echo got $s; exit 42" $s; done; echo up $$; while :; do sleep 0.05; done';

/** `setup --id a` in a session of its own, so that its process group can be signalled; up when this returns. */
async function startSetup({ env }: RuntimeDir, script: string): Promise<Background & { command: number }> {
  const started = spawnRnetns([launcher, 'setup', '--id', 'a', '--', 'sh', '-c', script], { env, file: 'setsid' });
  const said = await printed(started, /up \d+\n/);
  return { ...started, command: Number(/up (\d+)/.exec(said)?.[1]) };
}

describe('setup', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('without a command makes the namespace and counts; the last teardown takes it away at once', async function () {
    const runtime = lingering(this, 60);
    expect(await act(runtime, 'setup', '--id', 'a')).to.deep.equal(succeeded);
    expect(await counted(runtime)).to.deep.equal(up(['a 1']));
    expect(await act(runtime, 'teardown', '--id', 'a')).to.deep.equal(succeeded);
    expect(await counted(runtime)).to.deep.equal(down);
    await gone(runtime);
  });

  it('runs its command in the namespace, with its streams, and counts when that has succeeded', async function () {
    const runtime = lingering(this, 0);
    const script = 'cat; readlink /proc/self/ns/net; echo words >&2; ls /proc/self/fd | tr "\\n" " "';
    const { env } = runtime;
    const result = await run(['setup', '--id', 'a', '--nets', '3', '--', 'sh', '-c', script], { env, input: 'in\n' });
    expect({ status: result.status, stderr: result.stderr }).to.deep.equal({ status: 0, stderr: 'words\n' });
    const [input, link] = result.stdout.split('\n');
    expect(input).to.equal('in');
    expect(link).to.equal(`net:[${await netnsOfNewRun(runtime)}]`);
    expect(await counted(runtime)).to.deep.equal(up(['a 3']));
    const last = await act(runtime, 'teardown', '--id', 'a', '--', 'sh', '-c', 'readlink /proc/self/ns/net; exit 0');
    expect(last).to.deep.equal({ status: 0, stdout: `${link}\n`, stderr: '' });
    await gone(runtime);
  });

  it('counts nothing while its command runs', async function () {
    const runtime = lingering(this, 0);
    const setup = spawnRnetns(['setup', '--id', 'a', '--', 'sh', '-c', 'echo up; exec cat'], { env: runtime.env });
    await printed(setup, 'up\n');
    expect(await counted(runtime)).to.deep.equal(up([]));
    setup.child.stdin?.end();
    expect(await setup.ended).to.deep.equal({ status: 0, signal: null });
    expect(await counted(runtime)).to.deep.equal(up(['a 1']));
    await act(runtime, 'teardown', '--id', 'a');
  });

  it('with descriptors closed runs its command all the same', async function () {
    const runtime = lingering(this, 0);
    for (const close of ['<&-', '>&-', '2>&-', '<&- >&- 2>&-', '3</dev/null 4</dev/null 5</dev/null']) {
      const script = `exec "$0" setup --id a -- sh -c 'echo heard >${join(runtime.dir, '../heard')}' ${close}`;
      expect((await run(['-c', script, launcher], { env: runtime.env, file: 'sh' })).status, close).to.equal(0);
      expect(await counted(runtime), close).to.deep.equal(up(['a 1']));
      expect(await act(runtime, 'teardown', '--id', 'a')).to.deep.equal(succeeded);
    }
  });

  for (const [script, status] of [
    ['exit 1', 1],
    ['exit 2', 2],
    ['exit 125', 125],
    ['exit 255', 255],
    ['kill -TERM $$', 143],
    ['kill -KILL $$', 137],
    ['kill -SEGV $$', 139],
  ] as const) {
    it(`whose command does \`${script}\` ends with ${status}, counts nothing, and removes what it made`, async function () {
      const runtime = lingering(this, 60);
      const failed = { status, stdout: '', stderr: '' };
      expect(await act(runtime, 'setup', '--id', 'a', '--', 'sh', '-c', script)).to.deep.equal(failed);
      await gone(runtime);
      expect(await act(runtime, 'setup', '--id', 'first')).to.deep.equal(succeeded);
      const netns = await netnsOfNewRun(runtime);
      for (const args of [
        ['--id', 'a'],
        ['--nets', '2'],
        ['--id', 'first', '--nets', '9'],
      ]) {
        expect(await act(runtime, 'setup', ...args, '--', 'sh', '-c', script)).to.deep.equal(failed);
        expect(await counted(runtime), 'on one that exists').to.deep.equal(up(['first 1']));
      }
      expect(await act(runtime, 'teardown', '--id', 'first', '--', 'sh', '-c', script)).to.deep.equal(failed);
      expect(await counted(runtime), 'nothing dropped').to.deep.equal(up(['first 1']));
      expect(await netnsOfNewRun(runtime)).to.equal(netns);
      await act(runtime, 'teardown', '--id', 'first');
      await gone(runtime);
    });
  }

  it('whose command fails leaves a namespace that others came into meanwhile', async function () {
    const runtime = lingering(this, 0);
    const setup = spawnRnetns(['setup', '--id', 'a', '--', 'sh', '-c', 'echo up; cat; exit 3'], { env: runtime.env });
    await printed(setup, 'up\n');
    const command = await startCommand(runtime);
    expect(await act(runtime, 'setup', '--id', 'b')).to.deep.equal(succeeded);
    setup.child.stdin?.end();
    expect((await setup.ended).status).to.equal(3);
    expect(await counted(runtime)).to.deep.equal(up(['b 1']));
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    expect(await act(runtime, 'teardown', '--id', 'b')).to.deep.equal(succeeded);
    expect(alive(command.pid), 'the command keeps the namespace').to.be.true;
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    await command.finish();
    await gone(runtime);
  });

  it('of a command that is not there, or cannot be run, makes nothing and says so', async function () {
    const runtime = lingering(this, 0);
    const file = join(runtime.dir, '../plain');
    writeFileSync(file, 'text');
    chmodSync(file, 0o644);
    for (const verb of ['setup', 'teardown']) {
      for (const [command, status] of [
        ['/no/such', 127],
        ['no-such-program', 127],
        [file, 126],
        ['/tmp', 126],
      ] as const) {
        const result = await act(runtime, verb, '--id', 'a', '--', command);
        expect(result.status, command).to.equal(status);
        expect(result.stderr).to.match(/^rnetns: cannot run [^\n]+\n$/);
        expect(await counted(runtime)).to.deep.equal(down);
        const json = await act(runtime, verb, '--json', '--id', 'a', '--', command);
        expect(json.status).to.equal(status);
        expect((JSON.parse(json.stderr) as { error: { code: string } }).error.code).to.equal('ERR_COMMAND');
      }
    }
    await gone(runtime);
  });

  for (const signal of ['TERM', 'HUP'] as const) {
    it(`passes SIG${signal} on to its command, and counts nothing when that fails`, async function () {
      const runtime = lingering(this, 0);
      const setup = await startSetup(runtime, TALKS);
      process.kill(setup.pid, `SIG${signal}`);
      expect(await setup.ended).to.deep.equal({ status: 42, signal: null });
      expect(setup.stdout()).to.include(`got ${signal}\n`);
      await gone(runtime);
    });

    it(`goes on when its command takes SIG${signal} for no reason to end`, async function () {
      const runtime = lingering(this, 0);
      const script = `trap "echo again" ${signal}; trap "exit 0" USR1; echo up $$; while :; do sleep 0.05; done`;
      const setup = await startSetup(runtime, script);
      for (let round = 0; round < 3; round += 1) {
        process.kill(setup.pid, `SIG${signal}`);
        await waitFor(() => setup.stdout().split('again').length > round + 1, { what: 'the command to hear of it' });
      }
      process.kill(setup.command, 'SIGUSR1');
      expect((await setup.ended).status).to.equal(0);
      expect(await counted(runtime)).to.deep.equal(up(['a 1']));
      await act(runtime, 'teardown', '--id', 'a');
    });
  }

  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const) {
    it(`and its command, both sent ${signal} as the terminal does, end and leave nothing`, async function () {
      const runtime = lingering(this, 0);
      const setup = await startSetup(runtime, 'echo up $$; exec cat');
      process.kill(-setup.pid, signal);
      expect((await setup.ended).status).to.be.above(128);
      expect(alive(setup.command)).to.be.false;
      await gone(runtime);
    });
  }

  it('sent SIGINT alone waits for its command, as a shell does', async function () {
    const runtime = lingering(this, 0);
    const setup = await startSetup(runtime, 'echo up $$; exec cat');
    process.kill(setup.pid, 'SIGINT');
    setup.child.stdin?.end();
    expect((await setup.ended).status).to.equal(0);
    expect(await counted(runtime)).to.deep.equal(up(['a 1']));
    await act(runtime, 'teardown', '--id', 'a');
  });

  it('killed with SIGKILL while its command runs counts nothing; the namespace goes with the command', async function () {
    const runtime = lingering(this, 0);
    const setup = await startSetup(runtime, 'echo up $$; trap : TERM; exec sleep 300');
    const netns = namespaceInode(setup.command);
    await killNow(setup.pid);
    expect(await counted(runtime)).to.deep.equal(up([]));
    expect(await netnsOfNewRun(runtime)).to.equal(netns);
    await killNow(setup.command);
    await gone(runtime);
  });

  it('counts nothing when its namespace is stopped by force, and its command with it', async function () {
    const runtime = lingering(this, 0);
    const setup = await startSetup(runtime, 'echo up $$; exec cat');
    expect(await act(runtime, 'stop', '--force')).to.deep.equal(succeeded);
    expect((await setup.ended).status).to.equal(143);
    await gone(runtime);
  });

  it('tied to a process that does not run is refused before anything is made', async function () {
    const runtime = lingering(this, 0);
    const dead = await startProcess();
    await dead.end();
    const result = await run(['setup', '--id', 'a', '--pid', String(dead.pid)], { env: runtime.env });
    expectRefused(result, new RegExp(`process ${dead.pid}`));
    await gone(runtime);
  });
});
