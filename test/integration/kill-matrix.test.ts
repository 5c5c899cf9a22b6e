/**
 * kill -9 of guard, supervisor, keeper and driver, of what the supervisor has forked, and of several at once
 *
 * As long as guard or supervisor lives all is back without a call, else with the next one; and after the last command nothing
 * is left. Once at rest, and at many moments of making and of ending it.
 */

import { expect } from 'chai';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isStopped } from '../../src/state/process.js';
import { alive, commandLine, descendantsOf, startTime, waitFor } from '../fixtures/processes.js';
import { act, lingering, succeeded } from '../fixtures/references.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { run, spawnRnetns } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import {
  gone,
  killNow,
  netnsOfNewRun,
  partsOf,
  readParts,
  remains,
  startCommand,
  type Command,
  type Role,
} from '../fixtures/shared-netns.js';
import { ownProcesses } from '../stress/own-processes.js';

const ROLES = ['guard', 'supervisor', 'keeper', 'driver'] as const satisfies readonly Role[];

/** `children`: those that wait for leases, for words of driver and keeper, for a while; all of them but the guard. */
type Victim = Role | 'children';

const SETS: readonly (readonly Victim[])[] = [
  ...ROLES.map((role) => [role]),
  ['children'],
  ...ROLES.map((role) => [role, 'children'] as const),
  ...ROLES.flatMap((one, index) => ROLES.slice(index + 1).map((other) => [one, other])),
  ['supervisor', 'keeper', 'driver'],
  ['guard', 'keeper', 'driver'],
  ['guard', 'supervisor', 'driver'],
  ['guard', 'supervisor', 'keeper'],
  ['guard', 'supervisor', 'children'],
  ['guard', 'supervisor', 'children', 'keeper'],
  ['guard', 'supervisor', 'children', 'driver'],
];

function waiting(supervisor: number, guard: number): number[] {
  const isFork = (pid: number): boolean => commandLine(pid).some((word) => word.endsWith('/supervisor.sh'));
  return descendantsOf(supervisor).filter((pid) => pid !== guard && isFork(pid));
}

/** Addresses and the way out, as a process inside has them. */
function network(pid: number): string {
  const trie = readFileSync(`/proc/${pid}/net/fib_trie`, 'latin1');
  const local = [...trie.matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)].map(([, address]) => address ?? '');
  const routes = readFileSync(`/proc/${pid}/net/route`, 'latin1').split('\n');
  const isOut = routes.some((line) => line.split('\t')[1] === '00000000');
  return [...new Set(local), isOut ? 'way out' : ''].join(' ');
}

/** Every part lives, those that were not killed are the same, and the network is as it was. Gives the milliseconds that took. */
async function back(runtime: RuntimeDir, command: Command, before: string, what: string): Promise<number> {
  const begin = performance.now();
  const isBack = (): boolean =>
    Object.values(readParts(runtime) ?? { none: 0 }).every(alive) && network(command.pid) === before;
  await waitFor(isBack, {
    what: () => `all to be back after ${what}: ${JSON.stringify(readParts(runtime))} ${network(command.pid)}`,
  });
  return Math.round(performance.now() - begin);
}

describe('the kill matrix', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('at rest: each, each pair and more of them', async function () {
    this.timeout(600_000);
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const before = network(command.pid);
    const figures: string[] = [];
    for (const victims of SETS) {
      const parts = partsOf(runtime);
      const pids = victims.flatMap((victim) =>
        victim === 'children' ? waiting(parts.supervisor, parts.guard) : [parts[victim]],
      );
      const what = victims.join(', ');
      await killNow(...pids);
      const needsCall = victims.includes('guard') && victims.includes('supervisor');
      if (needsCall) expect(await netnsOfNewRun(runtime), what).to.equal(command.netns);
      figures.push(`${what}${needsCall ? ' (called)' : ''} ${await back(runtime, command, before, what)} ms`);
      const after = partsOf(runtime);
      // With the last of those who hold the namespace's mounts a driver that lives has lost them.
      const isLost = needsCall && victims.includes('keeper');
      for (const role of isLost ? [] : (['keeper', 'driver'] as const)) {
        if (!victims.includes(role)) expect(after[role], `${role} after ${what}`).to.equal(parts[role]);
      }
      expect(await netnsOfNewRun(runtime), `netns after ${what}`).to.equal(command.netns);
      expect(alive(command.pid), what).to.be.true;
    }
    console.log(`      back after: ${figures.join('; ')}`);
    await command.finish();
    await gone(runtime);
  });

  it('at rest, and then the last command ends: nothing is left', async function () {
    this.timeout(600_000);
    for (const victims of SETS) {
      const runtime = lingering(this, 0);
      const command = await startCommand(runtime);
      const parts = partsOf(runtime);
      const pids = victims.flatMap((victim) =>
        victim === 'children' ? waiting(parts.supervisor, parts.guard) : [parts[victim]],
      );
      await killNow(...pids);
      await command.finish();
      // With these nobody of ours is left but keeper and driver, who decide nothing.
      if (['guard', 'supervisor', 'children'].every((victim) => victims.includes(victim as Victim))) {
        expect(await act(runtime, 'stop')).to.deep.equal(succeeded);
      }
      await gone(runtime).catch((cause: unknown) => {
        throw new Error(`after ${victims.join(', ')}`, { cause });
      });
    }
  });

  it('while another keeper is on its way, and the last command ends: nothing comes after it', async function () {
    const runtime = lingering(this, 0);
    const bin = mkdtempSync(join(runtime.dir, '..', 'bin-'));
    const slow = join(bin, 'slow');
    // The keeper is neither in M0 nor on the shared network when it is looked for, and goes on before that is unmounted.
    const sleepy = (program: string, pattern: string, seconds: number): string =>
      `#!/bin/sh\n[ ! -e ${slow} ] || case $* in ${pattern}) echo >>${slow}; sleep ${seconds} ;; esac\nexec ${findProgram(program)} "$@"\n`;
    writeFileSync(join(bin, 'mount'), sleepy('mount', '*.outside', 0.5), { mode: 0o755 });
    writeFileSync(join(bin, 'umount'), sleepy('umount', '*', 1), { mode: 0o755 });
    const env = { ...runtime.env, PATH: `${bin}:${runtime.env.PATH ?? ''}` };
    const command = await startCommand({ ...runtime, env });
    writeFileSync(slow, '');
    await killNow(partsOf(runtime).keeper);
    await waitFor(() => readFileSync(slow, 'utf8') !== '', { what: 'another keeper on its way' });
    await command.finish();
    await gone(runtime);
    await sleep(1500);
    expect(remains(runtime)).to.equal('');
  });

  it('all of them at once: the command goes on alone, and the next call cleans', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const parts = partsOf(runtime);
    await killNow(...Object.values(parts), ...waiting(parts.supervisor, parts.guard));
    expect(alive(command.pid)).to.be.true;
    await command.finish();
    expect(await act(runtime, 'run', '--', 'true')).to.deep.equal(succeeded);
    await gone(runtime);
  });

  for (const role of ['supervisor', 'keeper', 'driver', 'guard'] as const) {
    it(`of the ${role} while a namespace is made: the call fails or not, the next one succeeds, nothing is left`, async function () {
      this.timeout(600_000);
      let [kills, failures] = [0, 0];
      for (let delayMs = 0; delayMs <= 150; delayMs += 15) {
        const runtime = lingering(this, 0);
        const making = spawnRnetns(['setup', '--id', 'x'], { env: runtime.env });
        const find = (): number | undefined => ownProcesses(runtime.stateDir()).get(role)?.[0];
        const pid = await waitFor(() => find() ?? (making.child.exitCode === null ? undefined : 0), { what: role });
        await sleep(delayMs);
        if (pid !== 0 && alive(pid)) {
          process.kill(pid, 'SIGKILL');
          kills += 1;
        }
        const { status } = await making.ended;
        if (status !== 0) failures += 1;
        expect(status === 0 || status === 125, `status ${String(status)}: ${making.stderr()}`).to.be.true;
        expect(await act(runtime, 'setup', '--id', 'y'), `after ${delayMs} ms`).to.deep.equal(succeeded);
        await waitFor(() => Object.values(readParts(runtime) ?? { none: 0 }).every(alive), { what: 'all parts' });
        for (const id of ['x', 'y']) expect((await act(runtime, 'teardown', '--id', id)).status).to.equal(0);
        await gone(runtime);
      }
      console.log(`      ${kills} kills, ${failures} calls failed`);
      expect(kills).to.be.at.least(3);
    });

    it(`of the ${role} while a namespace ends: nothing is left, at the latest after the next call`, async function () {
      this.timeout(600_000);
      let [kills, calls] = [0, 0];
      for (let delayMs = 0; delayMs <= 200; delayMs += 20) {
        const runtime = lingering(this, 0);
        const command = await startCommand(runtime);
        const pid = (await waitFor(() => readParts(runtime), { what: 'all parts' }))[role];
        command.child.stdin?.end();
        await sleep(delayMs);
        if (alive(pid)) {
          process.kill(pid, 'SIGKILL');
          kills += 1;
        }
        await command.ended;
        // What was tearing it down may be what was killed.
        const isGone = (): boolean => !existsSync(runtime.stateDir()) && remains(runtime) === '';
        const deadline = performance.now() + 8000;
        while (!isGone() && performance.now() < deadline) await sleep(50);
        if (!isGone()) {
          calls += 1;
          expect((await run(['repair'], { env: runtime.env })).status, `after ${delayMs} ms`).to.equal(0);
        }
        await gone(runtime);
      }
      console.log(`      ${kills} kills, ${calls} needed another call`);
    });
  }

  it('SIGSTOP of each: nobody waits longer than the limit, and it goes on or is replaced', async function () {
    this.timeout(600_000);
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    for (const role of ROLES) {
      const pid = partsOf(runtime)[role];
      process.kill(pid, 'SIGSTOP');
      for (const args of [['run', '--', 'true'], ['setup', '--id', role], ['status'], ['repair']]) {
        const { status, stderr, durationMs } = await run(args, { env: runtime.env });
        expect({ status, stderr }, `${args.join(' ')}, the ${role} stopped`).to.deep.equal({ status: 0, stderr: '' });
        expect(durationMs).to.be.below(15_000);
      }
      await waitFor(() => Object.values(readParts(runtime) ?? { none: 0 }).every(alive), { what: 'all parts' });
      const sleeping = Object.values(partsOf(runtime)).filter((part) =>
        isStopped({ pid: part, startTicks: startTime(part) ?? 0 }),
      );
      expect(sleeping, role).to.deep.equal([]);
      expect(await netnsOfNewRun(runtime), role).to.equal(command.netns);
      expect(await act(runtime, 'teardown', '--id', role)).to.deep.equal(succeeded);
    }
    await command.finish();
    await gone(runtime);
  });
});
