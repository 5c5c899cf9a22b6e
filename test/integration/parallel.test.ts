/** Many at once: first runs, short runs, waiting commands. */

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { alive, commandLine, descendantsOf, processesIn, processesMentioning, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, partsOf, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';
import { basename, dirname } from 'node:path';

/** docs/design.md, "Figures": with inotifywait, which is 2 MB of them. */
const MEMORY_LIMIT_KB = 16 * 1024;
/** Promised are 3 s; machines of CI are noisy, so that only far beyond is a failure. The figure is printed. */
const JOINS_LIMIT_MS = 60_000;

function lingering(context: Mocha.Context, linger: number): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure(`[rnetns]\nlinger = ${linger}\n`);
  return runtime;
}

const seconds = (beginMs: number): string => ((performance.now() - beginMs) / 1000).toFixed(2);

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
}

/** COUNT short runs in each of WORKERS shells; what any of them says or returns, but for silence and 0. */
async function shortRuns({ env }: RuntimeDir, workers: number, count: number): Promise<string> {
  const script = 'i=0; while [ $i -lt "$2" ]; do "$1" run -- true || echo "run $i: status $?" >&2; i=$((i + 1)); done';
  const words = await Promise.all(
    Array.from({ length: workers }, async () => {
      const child = spawn('sh', ['-c', script, 'sh', launcher, String(count)], {
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
        detached: true,
      });
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      const ended = once(child, 'close');
      onTestEnd(() => {
        if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      });
      await ended;
      return said;
    }),
  );
  return words.join('');
}

describe('in parallel', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('20 first runs make one namespace', async function () {
    const runtime = lingering(this, 0);
    const begin = performance.now();
    const commands = await Promise.all(Array.from({ length: 20 }, () => startCommand(runtime)));
    console.log(`      20 first runs: ${seconds(begin)} s`);
    expect(new Set(commands.map(({ netns }) => netns)).size, 'network namespaces').to.equal(1);
    const { keeper, supervisor } = partsOf(runtime);
    const running = (script: string): number[] =>
      processesMentioning(basename(dirname(runtime.dir))).filter((pid) =>
        commandLine(pid).some((word) => word.endsWith(`/${script}`)),
      );
    expect(running('keeper.sh')).to.deep.equal([keeper]);
    // The supervisor's children are forks of it, and come and go.
    const strangers = (): number[] => {
      const family = [supervisor, ...descendantsOf(supervisor)];
      return running('supervisor.sh').filter((pid) => !family.includes(pid));
    };
    await waitFor(() => strangers().length === 0, {
      what: () => `no other supervisor than ${supervisor}: ${strangers().join(' ')}`,
    });
    await Promise.all(commands.map((command) => command.finish()));
    await gone(runtime);
  });

  for (const linger of [0, 2]) {
    it(`1,000 short runs by 16 workers with linger ${linger} all succeed and leave nothing`, async function () {
      const runtime = lingering(this, linger);
      const begin = performance.now();
      // 16 * 63 = 1008
      expect(await shortRuns(runtime, 16, 63)).to.equal('');
      console.log(`      1,008 runs: ${seconds(begin)} s`);
      await gone(runtime, linger * 1000 + 3000);
    });
  }

  it('runs by one worker, each the first and the last, all succeed', async function () {
    const runtime = lingering(this, 0);
    const begin = performance.now();
    expect(await shortRuns(runtime, 1, 40)).to.equal('');
    console.log(`      40 runs, one after the other: ${seconds(begin)} s`);
    await gone(runtime);
  });

  it('300 commands join within seconds, wait, and cost at most 16 MB of ours', async function () {
    const runtime = lingering(this, 0);
    const first = await startCommand(runtime);
    const count = 300;
    const script = `i=0
      while [ $i -lt "$2" ]; do "$1" run -- sh -c 'echo up; exec cat' <&3 3<&- & i=$((i + 1)); done
      exec 3<&-
      wait`;
    const begin = performance.now();
    const spawner = spawn('sh', ['-c', script, 'sh', launcher, String(count)], {
      env: runtime.env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const closed = once(spawner, 'close');
    const stdin = spawner.stdio[3] as NodeJS.WritableStream;
    onTestEnd(() => void stdin.end());
    let said = '';
    let errors = '';
    spawner.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
    spawner.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
    await waitFor(() => said.length === 'up\n'.length * count, {
      timeoutMs: 2 * JOINS_LIMIT_MS,
      what: () => `${count} commands, got ${said.length / 3}: ${errors}`,
    });
    const joinsMs = performance.now() - begin;
    console.log(`      300 joins: ${(joinsMs / 1000).toFixed(2)} s (promised: 3)`);

    // Whatever has to do with this namespace and is not a command, the driver or the test's own shell, is ours.
    const { driver, guard, keeper, supervisor } = partsOf(runtime);
    const commands = processesIn(first.netns).filter((pid) => pid !== keeper);
    expect(commands).to.have.lengthOf(count + 1);
    const others = new Set([...commands, driver, spawner.pid]);
    // Those that wait, for leases, for words of driver and keeper, for a while, are the supervisor's, and come and go.
    const ours = await waitFor(
      () => {
        const found = processesMentioning(basename(dirname(runtime.dir))).filter((pid) => !others.has(pid));
        const family = [guard, keeper, supervisor, ...descendantsOf(supervisor)];
        return found.every((pid) => family.includes(pid)) && found;
      },
      { what: 'no processes but the supervisor and its children' },
    );
    expect(ours).to.include.members([guard, keeper, supervisor]);
    const totalKb = ours.reduce((sum, pid) => sum + residentKb(pid), 0);
    console.log(`      ours beside 300 commands: ${(totalKb / 1024).toFixed(1)} MB resident (promised: 16)`);
    expect(totalKb).to.be.at.most(MEMORY_LIMIT_KB);
    expect(joinsMs).to.be.below(JOINS_LIMIT_MS);

    stdin.end();
    await closed;
    expect(errors).to.equal('');
    await first.finish();
    await gone(runtime);
    // The supervisor goes last, when the driver has: the kernel takes a moment for that one's device.
    await waitFor(() => ![guard, keeper, supervisor].some(alive), { what: 'all of ours to end' });
  });

  it('runs in several names at once do not disturb each other', async function () {
    const runtime = lingering(this, 0);
    const names = ['a', 'b', 'c', 'd'];
    const inodes = await Promise.all(
      names.map(async (name) => {
        const seen = new Set<string>();
        const keep = await startCommand(runtime, ':', ['-n', name]);
        for (let round = 0; round < 5; round += 1) {
          const { status, stdout, stderr } = await run(['run', '-n', name, '--', 'readlink', '/proc/self/ns/net'], {
            env: runtime.env,
          });
          expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
          seen.add(stdout.trim());
        }
        expect([...seen]).to.deep.equal([`net:[${keep.netns}]`]);
        await keep.finish();
        return keep.netns;
      }),
    );
    expect(new Set(inodes).size).to.equal(names.length);
    await gone(runtime);
  });
});
