/** What `setup` and `teardown` count: ids, numbers without an id, both, and when the namespace goes. */

import { expect } from 'chai';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { forgetKeptPlan, OLD_MS } from '../fixtures/kept-plan.js';
import { alive } from '../fixtures/processes.js';
import { act, counted, down, lingering, startProcess, succeeded, up } from '../fixtures/references.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, netnsOfNewRun, partsOf, startCommand } from '../fixtures/shared-netns.js';

async function expectActs(runtime: RuntimeDir, ...calls: string[]): Promise<void> {
  for (const call of calls) expect(await act(runtime, ...call.split(' ')), call).to.deep.equal(succeeded);
}

describe('a reference', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('of an id counts once, however often it is set up, with the nets of the last time', async function () {
    const runtime = lingering(this, 0);
    await expectActs(runtime, 'setup --id a', 'setup --id b --nets 2', 'setup --id a', 'setup --id b --nets 5');
    expect(await counted(runtime)).to.deep.equal(up(['a 1', 'b 5']));
    await expectActs(runtime, 'teardown --id b', 'teardown --id b');
    expect(await counted(runtime)).to.deep.equal(up(['a 1']));
    await expectActs(runtime, 'teardown --id a --nets 7');
    expect(await counted(runtime)).to.deep.equal(down);
    await gone(runtime);
  });

  it('counts the same where the namespace is made by the kept plan, and is tied to nobody', async function () {
    const runtime = lingering(this, 0);
    const bin = dirname(runtime.dir);
    const broken = join(bin, 'broken');
    writeFileSync(join(bin, 'node'), `#!/bin/sh\n[ ! -e '${broken}' ] || exit 99\nexec '${execPath}' "$@"\n`, {
      mode: 0o755,
    });
    const env = { ...runtime.env, PATH: `${bin}:${runtime.env.PATH ?? ''}` };
    const call = (...args: string[]) => run(args, { env });
    // Settings that were written a moment ago are asked for again.
    await sleep(OLD_MS);
    for (const id of ['first', 'second', 'third']) {
      expect(await call('setup', '--id', id), id).to.include({ status: 0, stderr: '' });
      // The supervisor drops what is tied to the dead once a second.
      await sleep(1500);
      expect(await counted(runtime), id).to.deep.equal(up([`${id} 1`]));
      expect(existsSync(join(runtime.stateDir(), 'tied')), id).to.be.false;
      expect(await call('teardown', '--id', id), id).to.include({ status: 0, stderr: '' });
      await gone(runtime);
      writeFileSync(broken, '');
    }
  });

  it('of an unknown id is torn down without a word, and changes nothing', async function () {
    const runtime = lingering(this, 60);
    await expectActs(runtime, 'teardown --id no', 'teardown --id no --nets 3');
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
    const netns = await netnsOfNewRun(runtime);
    const parts = partsOf(runtime);
    await expectActs(runtime, 'teardown --id no');
    expect(await counted(runtime), 'it lingers on').to.deep.equal(up([]));
    expect(partsOf(runtime)).to.deep.equal(parts);
    await expectActs(runtime, 'setup --id a', 'teardown --id no');
    expect(await counted(runtime)).to.deep.equal(up(['a 1']));
    expect(await netnsOfNewRun(runtime)).to.equal(netns);
    await expectActs(runtime, 'teardown --id a');
    await gone(runtime);
  });

  it('without an id counts as podman counts: up, down, and at 0 the namespace goes at once', async function () {
    const runtime = lingering(this, 60);
    const file = join(runtime.stateDir(), 'ref-count');
    const expectCount = async (count: number): Promise<void> => {
      expect(await counted(runtime)).to.deep.equal(up([], count));
      expect(readFileSync(file, 'utf8')).to.equal(`${count}\n`);
    };
    await expectActs(runtime, 'setup');
    await expectCount(1);
    await expectActs(runtime, 'setup --nets 4');
    await expectCount(5);
    await expectActs(runtime, 'teardown --nets 2');
    await expectCount(3);
    await expectActs(runtime, 'teardown --nets 3');
    await gone(runtime);
  });

  it('without an id never counts below 0: an error is said, and the namespace goes', async function () {
    const runtime = lingering(this, 60);
    await expectActs(runtime, 'setup --nets 2');
    const below = await act(runtime, 'teardown', '--nets', '3');
    expect({ status: below.status, stdout: below.stdout }).to.deep.equal({ status: 0, stdout: '' });
    expect(below.stderr).to.match(
      /^rnetns: the count of references .* was 2, and 3 were to be dropped: .*\nhint: .*\n$/,
    );
    await gone(runtime);
    const nothing = await act(runtime, 'teardown', '--json');
    expect(nothing.status).to.equal(0);
    const { error } = JSON.parse(nothing.stderr) as { error: { code: string; message: string } };
    expect(error.code).to.equal('ERR_REFERENCES');
    expect(error.message).to.include('was 0, and 1 were to be dropped');
    forgetKeptPlan(runtime.dir);
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
  });

  it('without an id, one too many to drop changes nothing for those with one', async function () {
    const runtime = lingering(this, 0);
    await expectActs(runtime, 'setup --id a', 'setup');
    expect((await act(runtime, 'teardown', '--nets', '5')).stderr).to.include('was 1');
    expect(await counted(runtime)).to.deep.equal(up(['a 1']));
    expect((await act(runtime, 'teardown')).stderr).to.include('was 0');
    expect(await counted(runtime)).to.deep.equal(up(['a 1']));
    await expectActs(runtime, 'teardown --id a');
    await gone(runtime);
  });

  for (const [what, content] of [
    ['garbage', 'many\n'],
    ['negative', '-1\n'],
    ['empty', ''],
    ['padded', '007\n'],
    ['octal', '0x10\n'],
    ['an expression', '1+1\n'],
    ['followed by more', '3\ngarbage\n'],
    ['nothing, followed by more', '0\n\n1'],
    ['huge', `${'9'.repeat(30)}\n`],
  ] as const) {
    it(`without an id: a count that is ${what} is an error, which changes nothing`, async function () {
      const runtime = lingering(this, 0);
      await expectActs(runtime, 'setup --id a', 'setup --nets 2');
      const file = join(runtime.stateDir(), 'ref-count');
      writeFileSync(file, content);
      for (const verb of ['setup', 'teardown']) {
        const { status, stderr } = await act(runtime, verb);
        expect(status, verb).to.equal(125);
        expect(stderr).to.match(/^rnetns: [^\n]*ref-count[^\n]*\nhint: [^\n]*repair[^\n]*\n$/);
      }
      expect(readFileSync(file, 'utf8')).to.equal(content);
      expect((await counted(runtime)).refCount, 'never a wrong count').to.equal(null);
      await expectActs(runtime, 'teardown --id a');
      // It may stand for any number of containers.
      await sleep(1500);
      expect((await counted(runtime)).state).to.equal('running');
      expect((await act(runtime, 'repair')).stdout).to.include('ref-count');
      await gone(runtime);
      expect((await counted(runtime)).state).to.equal('down');
    });
  }

  it('with an id and without: the namespace goes with the last of either', async function () {
    const runtime = lingering(this, 60);
    for (const order of [
      ['teardown --id a', 'teardown --nets 2', 'teardown --id b'],
      ['teardown --nets 2', 'teardown --id b', 'teardown --id a'],
      ['teardown --id b', 'teardown --id a', 'teardown --nets 2'],
    ]) {
      await expectActs(runtime, 'setup --id a', 'setup', 'setup --id b --nets 3', 'setup');
      expect(await counted(runtime)).to.deep.equal(up(['a 1', 'b 3'], 2));
      for (const call of order) {
        expect((await counted(runtime)).state, call).to.equal('running');
        await expectActs(runtime, call);
      }
      expect(await counted(runtime)).to.deep.equal(down);
      await gone(runtime);
    }
  });

  it('torn down as the last one leaves the namespace to a command that runs; it goes with that, after lingering', async function () {
    const runtime = lingering(this, 1);
    await expectActs(runtime, 'setup --id a', 'setup');
    const command = await startCommand(runtime);
    await expectActs(runtime, 'teardown', 'teardown --id a');
    expect(await counted(runtime)).to.deep.equal(up([]));
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    await sleep(1500);
    expect(alive(command.pid) && (await netnsOfNewRun(runtime)) === command.netns).to.be.true;
    const begin = performance.now();
    await command.finish();
    await gone(runtime);
    expect(performance.now() - begin, 'it lingers').to.be.at.least(1000);
  });

  it('torn down by a command inside leaves the namespace until that has ended', async function () {
    const runtime = lingering(this, 0);
    await expectActs(runtime, 'setup --id a');
    const command = await startCommand(runtime);
    const last = await run(['teardown', '--id', 'a', '--', 'readlink', '/proc/self/ns/net'], { env: runtime.env });
    expect(last.stdout).to.equal(`net:[${command.netns}]\n`);
    expect(await counted(runtime)).to.deep.equal(up([]));
    await command.finish();
    await gone(runtime);
  });

  it('torn down with a command, where there is nothing, makes a namespace for the command and removes it', async function () {
    const runtime = lingering(this, 60);
    for (const args of [['--id', 'a'], []]) {
      const { status, stdout } = await act(runtime, 'teardown', ...args, '--', 'sh', '-c', 'echo ran; exit 0');
      expect({ status, stdout }).to.deep.equal({ status: 0, stdout: 'ran\n' });
      await run(['stop'], { env: runtime.env });
      await gone(runtime);
    }
  });

  it('is of one name only', async function () {
    const runtime = lingering(this, 0);
    await expectActs(runtime, 'setup --id a', '--name other setup --id a --nets 2', '-nthird setup --nets=3');
    expect(await counted(runtime)).to.deep.equal(up(['a 1']));
    expect(await counted(runtime, 'other')).to.deep.equal(up(['a 2']));
    expect(await counted(runtime, 'third')).to.deep.equal(up([], 3));
    await expectActs(runtime, 'teardown --id a -n other', 'teardown --nets 3 --name=third');
    expect(await counted(runtime)).to.deep.equal(up(['a 1']));
    expect(await counted(runtime, 'other')).to.deep.equal(down);
    expect(await counted(runtime, 'third')).to.deep.equal(down);
    await expectActs(runtime, 'teardown --id a');
    await gone(runtime);
  });

  it('takes any id that is one, and its options in any order', async function () {
    const runtime = lingering(this, 0);
    const ids = ['0', 'A.b-c_d', 'lease.x', 'a'.repeat(128), 'live', 'ref-count', 'tied', '9..', 'x.123.tmp'];
    for (const id of ids) await expectActs(runtime, `setup --id ${id}`);
    expect((await counted(runtime)).refCount).to.equal(ids.length);
    expect((await act(runtime, 'repair')).stdout).to.equal('nothing to mend\n');
    for (const id of ids) await expectActs(runtime, `teardown --id=${id}`);
    await gone(runtime);
    const { pid } = await startProcess();
    for (const call of [
      `--id=o setup --nets=2 --pid=${pid} --name default`,
      `--nets 2 --pid ${pid} --id o setup`,
      `setup --json --pid ${pid} --id p --nets 1 --id o --nets 2 --`,
    ]) {
      await expectActs(runtime, call);
      expect(await counted(runtime), call).to.deep.equal(up(['o 2']));
      await expectActs(runtime, 'teardown --id o');
    }
    await gone(runtime);
  });

  it('without an id that is tied to a process has the id of that', async function () {
    const runtime = lingering(this, 0);
    const { pid } = await startProcess();
    await expectActs(runtime, `setup --pid ${pid}`, `setup --pid ${pid} --nets 2`);
    expect(await counted(runtime)).to.deep.equal(up([`pid-${pid} 2`]));
    await expectActs(runtime, `teardown --id pid-${pid}`);
    await gone(runtime);
  });

  const usage: string[][] = [
    ...['', '-', '-a', '.a', '..', '.', 'a/b', '../a', 'a b', 'a\nb', 'a*', 'é', '$(id)', 'a'.repeat(129)].map((id) => [
      '--id',
      id,
    ]),
    ['--id='],
    ['--id=../../x'],
    ['--id'],
    ...['0', '-1', '', 'x', '01', '1.5', '1e3', ' 1', '0x1', '99999999', '1+1'].map((nets) => ['--nets', nets]),
    ['--nets='],
    ['--nets'],
    ...['0', '-1', '', 'self', '1 2', '99999999999999999999'].map((pid) => ['--id', 'a', '--pid', pid]),
    ['--name', '../x', '--id', 'a'],
    ['--name', '', '--id', 'a'],
    ['--nonsense', '--id', 'a'],
    ['-x'],
  ];
  it('with a wrong option is wrong usage, in words and as JSON, and makes nothing', async function () {
    const runtime = lingering(this, 0);
    for (const verb of ['setup', 'teardown']) {
      for (const args of usage.filter((words) => verb === 'setup' || !words.includes('--pid'))) {
        const call = JSON.stringify([verb, ...args]);
        const { status, stdout, stderr } = await act(runtime, verb, ...args);
        expect({ status, stdout }, `${call} ${stderr}`).to.deep.equal({ status: 2, stdout: '' });
        expect(stderr, call).to.match(/^rnetns: [^]+\nhint: .+\n$/);
      }
      const { status, stderr } = await act(runtime, verb, '--json', '--id', 'a b');
      expect(status).to.equal(2);
      expect((JSON.parse(stderr) as { error: { code: string } }).error.code).to.equal('ERR_USAGE');
    }
    expect((await act(runtime, 'teardown', '--id', 'a', '--pid', '1')).status, 'teardown --pid').to.equal(2);
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
  });
});
