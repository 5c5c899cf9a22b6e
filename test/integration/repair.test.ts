/** `repair`: what is dead or damaged is mended and named, what is healthy is left alone, and nothing else is made. */

import { expect } from 'chai';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OLD_MS } from '../fixtures/kept-plan.js';
import { alive, descendantsOf, waitFor } from '../fixtures/processes.js';
import { act, counted, down, lingering, startProcess, succeeded, up } from '../fixtures/references.js';
import { expectRefused } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import {
  gone,
  killNow,
  netnsOfNewRun,
  partsOf,
  readParts,
  startCommand,
  type Parts,
  type Role,
} from '../fixtures/shared-netns.js';

interface Mended {
  part: string;
  detail: string;
}

/** What it says it mended; the same for people, after this. */
async function repair(runtime: RuntimeDir): Promise<Mended[]> {
  const { status, stdout, stderr } = await act(runtime, 'repair', '--json');
  expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  const report = JSON.parse(stdout) as { mended: Mended[] };
  expect(Object.keys(report)).to.deep.equal(['mended']);
  for (const mended of report.mended) {
    expect(Object.keys(mended)).to.deep.equal(['part', 'detail']);
    expect(mended.detail).to.match(/^[^\n]+$/);
  }
  return report.mended;
}

async function expectHealthy(runtime: RuntimeDir): Promise<void> {
  expect(await repair(runtime)).to.deep.equal([]);
  expect(await act(runtime, 'repair')).to.deep.equal({ status: 0, stdout: 'nothing to mend\n', stderr: '' });
}

/** With what the supervisor has forked, and in one moment: nobody is left then to notice, or to lead back. */
async function killAll(parts: Parts): Promise<void> {
  await killNow(...new Set([...Object.values(parts), ...descendantsOf(parts.supervisor)]));
}

describe('repair', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('of nothing succeeds and leaves nothing', async function () {
    const runtime = lingering(this, 0);
    await expectHealthy(runtime);
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
  });

  it('of an empty state makes no namespace by the kept plan, and says what it did', async function () {
    const runtime = lingering(this, 0);
    // Settings that were written a moment ago are not kept.
    await sleep(OLD_MS);
    expect(await act(runtime, 'run', 'true')).to.include({ status: 0 });
    await gone(runtime);
    mkdirSync(runtime.stateDir(), { mode: 0o700 });
    expect(await repair(runtime)).to.deep.equal([]);
    expect(readParts(runtime)).to.equal(undefined);
    expect(existsSync(runtime.stateDir())).to.be.false;
  });

  it('takes no argument', async function () {
    const runtime = lingering(this, 0);
    const { status, stderr } = await act(runtime, 'repair', '--json', 'supervisor');
    expect(status).to.equal(2);
    expect((JSON.parse(stderr) as { error: { code: string } }).error.code).to.equal('ERR_USAGE');
  });

  it('of a healthy namespace changes nothing', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const tied = await startProcess();
    for (const args of [
      ['--id', 'a'],
      ['--nets', '2'],
      ['--id', 't', '--pid', String(tied.pid)],
    ]) {
      expect(await act(runtime, 'setup', ...args)).to.deep.equal(succeeded);
    }
    const parts = partsOf(runtime);
    await expectHealthy(runtime);
    expect(partsOf(runtime)).to.deep.equal(parts);
    expect(await counted(runtime)).to.deep.equal(up(['a 1', 't 1'], 2));
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    await run(['stop', '--force'], { env: runtime.env });
    await gone(runtime);
  });

  // With the guard, or a supervisor is back sooner. Keeper and driver alone need no repair.
  const victims: { roles: Role[]; named: string[] }[] = [
    { roles: ['supervisor', 'guard'], named: ['supervisor', 'guard'] },
    { roles: ['keeper', 'guard', 'supervisor'], named: ['supervisor', 'keeper', 'guard'] },
    { roles: ['supervisor', 'driver', 'guard'], named: ['supervisor', 'guard'] },
    { roles: ['supervisor'], named: [] },
    { roles: ['keeper'], named: [] },
    { roles: ['driver'], named: [] },
    { roles: ['guard'], named: [] },
    { roles: ['keeper', 'driver'], named: [] },
    { roles: ['supervisor', 'driver'], named: [] },
  ];
  for (const { roles, named } of victims) {
    it(`brings back the ${roles.join(', ')} around the same namespace${named.length > 0 ? ', and names what it started' : ''}`, async function () {
      const runtime = lingering(this, 0);
      const command = await startCommand(runtime);
      expect(await act(runtime, 'setup', '--id', 'a')).to.deep.equal(succeeded);
      const parts = partsOf(runtime);
      await killNow(...roles.map((role) => parts[role]));
      const mended = await repair(runtime);
      expect(mended.map(({ part }) => part)).to.include.members(named);
      // The supervisor may be at it by itself.
      await waitFor(() => Object.values(readParts(runtime) ?? { none: 0 }).every(alive), {
        what: () => `all parts: ${JSON.stringify(readParts(runtime))}`,
      });
      await expectHealthy(runtime);
      expect(await counted(runtime)).to.deep.equal(up(['a 1']));
      expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
      expect(await act(runtime, 'teardown', '--id', 'a')).to.deep.equal(succeeded);
      await command.finish();
      await gone(runtime);
    });
  }

  it('makes the namespace anew when all is dead and references need it', async function () {
    const runtime = lingering(this, 0);
    for (const args of [
      ['--id', 'a'],
      ['--nets', '2'],
    ]) {
      expect(await act(runtime, 'setup', ...args)).to.deep.equal(succeeded);
    }
    const before = partsOf(runtime);
    await killAll(before);
    expect((await counted(runtime)).state).to.equal('down');
    expect(await repair(runtime)).to.deep.equal([
      { part: 'namespace', detail: 'made anew: all its processes were dead, and references need it' },
    ]);
    expect(await counted(runtime)).to.deep.equal(up(['a 1'], 2));
    await expectHealthy(runtime);
    expect(await act(runtime, 'teardown', '--id', 'a')).to.deep.equal(succeeded);
    expect(await act(runtime, 'teardown', '--nets', '2')).to.deep.equal(succeeded);
    await gone(runtime);
  });

  it('keeps the references of one that is dead when it cannot be made anew', async function () {
    const runtime = lingering(this, 0);
    for (const args of [
      ['--id', 'a', '--nets', '2'],
      ['--nets', '3'],
    ]) {
      expect(await act(runtime, 'setup', ...args)).to.deep.equal(succeeded);
    }
    await killAll(partsOf(runtime));
    runtime.configure('[rnetns]\nlinger = 0\n[network]\npasta_options[] = -t\npasta_options[] = nonsense\n');
    for (const args of [['repair'], ['run', '--', 'true'], ['setup', '--id', 'b']]) {
      expect((await act(runtime, ...args)).status, args.join(' ')).to.equal(125);
    }
    runtime.configure('[rnetns]\nlinger = 0\n');
    expect((await repair(runtime)).map(({ part }) => part)).to.deep.equal(['namespace']);
    expect(await counted(runtime)).to.deep.equal(up(['a 2'], 3));
    expect(await act(runtime, 'teardown', '--id', 'a', '--nets', '2')).to.deep.equal(succeeded);
    expect(await act(runtime, 'teardown', '--nets', '3')).to.deep.equal(succeeded);
    await gone(runtime);
  });

  it('removes what is left of one that is dead and that nobody needs', async function () {
    const runtime = lingering(this, 1);
    await netnsOfNewRun(runtime);
    await killAll(partsOf(runtime));
    // A count of nothing is as good as none.
    writeFileSync(join(runtime.stateDir(), 'ref-count'), '0\n');
    const mended = await repair(runtime);
    expect(mended.map(({ part }) => part)).to.deep.equal(['namespace']);
    expect(mended[0]?.detail)
      .to.match(/^removed what was left of it: .*\blive\b/)
      .and.not.include('ref-count');
    await gone(runtime);
    expect(await counted(runtime)).to.deep.equal(down);
    await expectHealthy(runtime);
  });

  it('removes what is left of one whose only references are dead', async function () {
    const runtime = lingering(this, 0);
    const tied = await startProcess();
    expect(await act(runtime, 'setup', '--id', 't', '--pid', String(tied.pid))).to.deep.equal(succeeded);
    await killAll(partsOf(runtime));
    await tied.end();
    expect((await repair(runtime)).map(({ part }) => part)).to.include.members(['namespace']);
    await gone(runtime);
  });

  it('removes the files of killed writers, and names each', async function () {
    const runtime = lingering(this, 0);
    expect(await act(runtime, 'setup', '--id', 'a')).to.deep.equal(succeeded);
    const orphans = ['.probe.1', '.ref-count.12', '.references.99', '.tied.5', 'live.123.tmp', 'state.json.9.tmp'];
    for (const name of orphans) writeFileSync(join(runtime.stateDir(), name), 'half');
    expect(await repair(runtime)).to.deep.equal(
      orphans.map((name) => ({ part: 'file', detail: `removed ${name}: its writer was killed` })),
    );
    expect(readdirSync(runtime.stateDir())).to.not.include.members(orphans);
    await expectHealthy(runtime);
    await act(runtime, 'teardown', '--id', 'a');
    await gone(runtime);
  });

  for (const [file, part] of [
    ['live', 'live'],
    ['state.json', 'file'],
    ['info.json', 'file'],
  ] as const) {
    it(`writes ${file} again, torn or missing, and says so`, async function () {
      const runtime = lingering(this, 0);
      expect(await act(runtime, 'setup', '--id', 'a')).to.deep.equal(succeeded);
      const netns = await netnsOfNewRun(runtime);
      const path = join(runtime.stateDir(), file);
      const whole = readFileSync(path, 'utf8');
      for (const damage of [() => writeFileSync(path, whole.slice(0, 20)), () => rmSync(path)]) {
        damage();
        const [mended, ...more] = await repair(runtime);
        expect(mended?.part).to.equal(part);
        expect(mended?.detail).to.match(/written again: it was missing or damaged$/);
        expect(more).to.deep.equal([]);
        await expectHealthy(runtime);
        expect(await netnsOfNewRun(runtime)).to.equal(netns);
      }
      expect(await act(runtime, 'teardown', '--id', 'a')).to.deep.equal(succeeded);
      await gone(runtime);
    });
  }

  it('forgets the references of another boot: their containers went with it', async function () {
    const runtime = lingering(this, 60);
    for (const args of [
      ['--id', 'a'],
      ['--nets', '2'],
      ['--id', 't', '--pid', String(process.pid)],
    ]) {
      expect(await act(runtime, 'setup', ...args)).to.deep.equal(succeeded);
    }
    await killAll(partsOf(runtime));
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    for (const file of ['live', 'state.json', '../.outside/default/state.json', 'references/a', 'tied/t']) {
      const path = join(runtime.stateDir(), file);
      const text = readFileSync(path, 'utf8');
      expect(text).to.include(boot);
      writeFileSync(path, text.replaceAll(boot, '00000000-1111-2222-3333-444444444444'));
    }
    expect(await counted(runtime)).to.deep.equal(down);
    const mended = await repair(runtime);
    expect(mended.map(({ part }) => part)).to.deep.equal(['namespace']);
    await gone(runtime);
    expect(await act(runtime, 'setup', '--id', 'b')).to.deep.equal(succeeded);
    expect(await counted(runtime)).to.deep.equal(up(['b 1']));
    await act(runtime, 'teardown', '--id', 'b');
    await gone(runtime);
  });

  it('of a state directory that is not ours to write is refused, and changes nothing', async function () {
    requires(this, 'unprivileged');
    const runtime = lingering(this, 0);
    mkdirSync(join(runtime.dir, 'rnetns'), { mode: 0o700 });
    writeFileSync(runtime.stateDir(), 'a file');
    expectRefused(await run(['repair'], { env: runtime.env }), /rnetns\/default/);
    expect(readFileSync(runtime.stateDir(), 'utf8')).to.equal('a file');
    rmSync(join(runtime.dir, 'rnetns'), { recursive: true });
  });

  it('twenty times at once mends once, and all succeed', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const { guard, supervisor, keeper } = partsOf(runtime);
    await killNow(guard, supervisor, keeper);
    const reports = await Promise.all(Array.from({ length: 20 }, () => repair(runtime)));
    const parts = reports.flatMap((report) => report.map(({ part }) => part));
    expect(parts.sort()).to.deep.equal(['guard', 'keeper', 'supervisor']);
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    await command.finish();
    await gone(runtime);
  });
});
