/** References that are tied to a process: dropped when it dies, with no command given, whatever else is going on. */

import { expect } from 'chai';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readOptional } from '../../src/state/files.js';
import { alive, startTime, waitFor } from '../fixtures/processes.js';
import { act, counted, lingering, startProcess, succeeded, up, type Process } from '../fixtures/references.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { spawnRnetns } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import {
  gone,
  killChildren,
  killNow,
  netnsOfNewRun,
  partsOf,
  readParts,
  startCommand,
} from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';
import { printed } from '../fixtures/netns-facts.js';

/** Promised: dropped within 2 s. The figures are printed, and fail nothing: machines are busy. */
const PROMISED_MS = 2000;

async function tie(runtime: RuntimeDir, id: string, { pid }: Pick<Process, 'pid'>, ...args: string[]): Promise<void> {
  expect(await act(runtime, 'setup', '--id', id, '--pid', String(pid), ...args)).to.deep.equal(succeeded);
}

/** By the files, for `status` costs Node; how long it took is printed. */
async function dropped(runtime: RuntimeDir, ids: readonly string[]): Promise<void> {
  const begin = performance.now();
  await waitFor(() => !ids.some((id) => existsSync(join(runtime.stateDir(), 'tied', id))), {
    what: `${ids.join(' ')} to be dropped`,
  });
  console.log(`      dropped after ${Math.round(performance.now() - begin)} ms (promised: ${PROMISED_MS})`);
}

describe('a reference tied to a process', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  for (const linger of [0, 60]) {
    it(`that dies, the only user: both it and the namespace go by themselves, with linger = ${linger}`, async function () {
      const runtime = lingering(this, linger);
      const tied = await startProcess();
      await tie(runtime, 'a', tied);
      expect(await counted(runtime)).to.deep.equal(up(['a 1']));
      await sleep(1500);
      expect(await counted(runtime), 'while it lives').to.deep.equal(up(['a 1']));
      await tied.end();
      const begin = performance.now();
      await gone(runtime);
      console.log(`      gone after ${Math.round(performance.now() - begin)} ms (promised: ${PROMISED_MS})`);
    });
  }

  it('that dies while commands run: dropped, and the commands keep the namespace', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const tied = await startProcess();
    await tie(runtime, 'a', tied, '--nets', '2');
    expect((await counted(runtime)).refCount).to.equal(2);
    await tied.end();
    await dropped(runtime, ['a']);
    expect(await counted(runtime)).to.deep.equal(up([]));
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    await command.finish();
    await gone(runtime);
  });

  it('that dies while other references exist: only it is dropped', async function () {
    const runtime = lingering(this, 0);
    const [first, second] = [await startProcess(), await startProcess()];
    for (const args of [
      ['--id', 'b'],
      ['--nets', '2'],
    ]) {
      expect(await act(runtime, 'setup', ...args)).to.deep.equal(succeeded);
    }
    await tie(runtime, 'a', first);
    await tie(runtime, 'c', second);
    const netns = await netnsOfNewRun(runtime);
    await first.end();
    await dropped(runtime, ['a']);
    expect(await counted(runtime)).to.deep.equal(up(['b 1', 'c 1'], 2));
    expect(await act(runtime, 'teardown', '--id', 'b')).to.deep.equal(succeeded);
    expect(await act(runtime, 'teardown', '--nets', '2')).to.deep.equal(succeeded);
    expect(await counted(runtime)).to.deep.equal(up(['c 1']));
    expect(await netnsOfNewRun(runtime)).to.equal(netns);
    await second.end();
    await gone(runtime);
  });

  it('counts no more as soon as the process is dead, and its log says why', async function () {
    const runtime = lingering(this, 0);
    const tied = await startProcess();
    expect(await act(runtime, 'setup', '--id', 'b')).to.deep.equal(succeeded);
    await tie(runtime, 'a', tied, '--nets', '5');
    await tied.end();
    expect((await counted(runtime)).refCount).to.equal(1);
    await dropped(runtime, ['a']);
    const log = join(runtime.stateDir(), 'log');
    expect(await waitFor(() => readOptional(log)?.match(/dropped.*/g), { what: 'a line in the log' })).to.deep.equal([
      'dropped the reference a: its process is dead',
    ]);
    await act(runtime, 'teardown', '--id', 'b');
  });

  for (const name of ['with a blank', ') R 1', '(a (b', '((', 'a\nb', ') Z 1 1', '\\', '%s', '🦊']) {
    it(`named ${JSON.stringify(name)}: alive while it lives, dropped when it dies`, async function () {
      const runtime = lingering(this, 0);
      const dir = mkdtempSync('/tmp/rnetns-name-');
      onTestEnd(() => rmSync(dir, { recursive: true, force: true }));
      const file = join(dir, name);
      copyFileSync(findProgram('sleep') ?? '', file);
      const tied = await startProcess([file, '300']);
      // The child is the file only after its execve(2).
      await waitFor(() => readFileSync(`/proc/${tied.pid}/comm`, 'utf8') === `${name}\n`, { what: 'its name' });
      await tie(runtime, 'a', tied);
      await sleep(1200);
      expect(await counted(runtime)).to.deep.equal(up(['a 1']));
      await tied.end();
      await gone(runtime);
    });
  }

  it('that is a zombie counts as dead, before setup and after', async function () {
    const runtime = lingering(this, 0);
    // sleep(1) has the shell's child by execve(2), and never waits for it.
    const parent = spawnRnetns(['-c', 'sleep 300 & echo "child $!"; exec sleep 300'], { file: 'sh' });
    const pid = Number(/child (\d+)/.exec(await printed(parent, /child \d+\n/))?.[1]);
    await tie(runtime, 'a', { pid });
    process.kill(pid, 'SIGKILL');
    await waitFor(() => !alive(pid), { what: 'the zombie' });
    expect(existsSync(`/proc/${pid}/stat`), 'it is one').to.be.true;
    const refused = await act(runtime, 'setup', '--id', 'z', '--pid', String(pid));
    expect({ status: refused.status, named: refused.stderr.includes(`process ${pid}`) }).to.deep.equal({
      status: 125,
      named: true,
    });
    await gone(runtime);
    parent.child.kill('SIGKILL');
  });

  it("whose pid is another one's by now is dropped", async function () {
    const runtime = lingering(this, 0);
    const tied = await startProcess();
    await sleep(50);
    const stranger = await startProcess();
    expect(startTime(stranger.pid)).to.not.equal(startTime(tied.pid));
    expect(await act(runtime, 'setup', '--id', 'b')).to.deep.equal(succeeded);
    await tie(runtime, 'a', tied);
    const file = join(runtime.stateDir(), 'tied/a');
    const words = readFileSync(file, 'utf8').split(' ');
    expect(words.slice(0, 4)).to.deep.equal(['rnetns1', '1', String(tied.pid), String(startTime(tied.pid))]);
    // As if the pid had been given out again: it lives, and began at another time.
    words[2] = String(stranger.pid);
    writeFileSync(file, words.join(' '));
    await dropped(runtime, ['a']);
    expect(await counted(runtime)).to.deep.equal(up(['b 1']));
    expect(alive(stranger.pid)).to.be.true;
    await act(runtime, 'teardown', '--id', 'b');
  });

  it('is tied to the process of the last setup, or to none', async function () {
    const runtime = lingering(this, 0);
    const [first, second] = [await startProcess(), await startProcess()];
    await tie(runtime, 'a', first);
    await tie(runtime, 'a', second, '--nets', '3');
    await first.end();
    await sleep(1500);
    expect(await counted(runtime)).to.deep.equal(up(['a 3']));
    expect(await act(runtime, 'setup', '--id', 'a', '--nets', '2')).to.deep.equal(succeeded);
    await second.end();
    await sleep(1500);
    expect(await counted(runtime), 'tied to none').to.deep.equal(up(['a 2']));
    const third = await startProcess();
    await tie(runtime, 'a', third);
    expect(await counted(runtime)).to.deep.equal(up(['a 1']));
    expect(await act(runtime, 'teardown', '--id', 'a')).to.deep.equal(succeeded);
    await gone(runtime);
  });

  it('set up again at the moment its old process dies is there, round after round', async function () {
    const runtime = lingering(this, 0);
    expect(await act(runtime, 'setup', '--id', 'b')).to.deep.equal(succeeded);
    // What minds them looks once a second: it does so before some of these moments, at some and after others.
    const starting = Array.from({ length: 12 }, async (_, index) => {
      return { id: `a${index + 10}`, afterMs: index * 90, old: await startProcess() };
    });
    const references = await Promise.all(starting);
    await Promise.all(references.map(({ id, old }) => tie(runtime, id, old)));
    const all = up([...references.map(({ id }) => `${id} 1`), 'b 1']);
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(references.map(({ old }) => old.end()));
      const again = references.map(async (reference) => {
        const next = await startProcess();
        await sleep(reference.afterMs);
        await tie(runtime, reference.id, next);
        reference.old = next;
      });
      await Promise.all(again);
      await sleep(1100);
      expect(await counted(runtime), `round ${round}`).to.deep.equal(all);
    }
    await act(runtime, 'teardown', '--id', 'b');
    await Promise.all(references.map(({ old }) => old.end()));
    await gone(runtime);
  });

  it('one of 50 at once: all count, and all go within the same time', async function () {
    const runtime = lingering(this, 0);
    const all = await Promise.all(Array.from({ length: 50 }, () => startProcess()));
    expect(await act(runtime, 'setup', '--id', 'last')).to.deep.equal(succeeded);
    await Promise.all(all.map((tied, index) => tie(runtime, `c${index}`, tied)));
    expect((await counted(runtime)).refCount).to.equal(51);
    const [some, others] = [all.slice(0, 25), all.slice(25)];
    await Promise.all(some.map((tied) => tied.end()));
    await dropped(
      runtime,
      some.map((_, index) => `c${index}`),
    );
    expect((await counted(runtime)).refCount).to.equal(26);
    expect(await act(runtime, 'teardown', '--id', 'last')).to.deep.equal(succeeded);
    expect((await counted(runtime)).refCount).to.equal(25);
    await Promise.all(others.map((tied) => tied.end()));
    await gone(runtime);
  });

  for (const roles of [
    ['supervisor'],
    ['keeper', 'supervisor', 'driver'],
    ['supervisor', 'keeper', 'driver'],
  ] as const) {
    it(`is dropped also if the ${roles.join(', ')} died meanwhile, once something has mended that`, async function () {
      const runtime = lingering(this, 0);
      const command = await startCommand(runtime);
      const [early, late] = [await startProcess(), await startProcess()];
      await tie(runtime, 'early', early);
      await tie(runtime, 'late', late);
      const before = partsOf(runtime);
      await killNow(...roles.map((role) => before[role]));
      await early.end();
      expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
      for (const role of roles) expect(readParts(runtime)?.[role]).to.not.equal(before[role]);
      await dropped(runtime, ['early']);
      expect(await counted(runtime)).to.deep.equal(up(['late 1']));
      await command.finish();
      await late.end();
      await gone(runtime);
    });
  }

  it('is dropped also if the supervisor died with no command there: the namespace mends itself, and goes', async function () {
    const runtime = lingering(this, 0);
    const tied = await startProcess();
    await tie(runtime, 'a', tied);
    const { supervisor } = partsOf(runtime);
    await killNow(supervisor);
    await waitFor(() => (readParts(runtime)?.supervisor ?? supervisor) !== supervisor, { what: 'another supervisor' });
    expect(await counted(runtime)).to.deep.equal(up(['a 1']));
    await tied.end();
    await gone(runtime);
  });

  it('is dropped also if all children of the supervisor were killed', async function () {
    const runtime = lingering(this, 0);
    const [first, second] = [await startProcess(), await startProcess()];
    await tie(runtime, 'a', first);
    await tie(runtime, 'b', second);
    await killChildren(partsOf(runtime).supervisor);
    await first.end();
    await dropped(runtime, ['a']);
    await second.end();
    await gone(runtime);
  });
});
