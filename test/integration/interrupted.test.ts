/** Killed while it makes or removes a namespace, at any step: the next `run` works, and after it nothing is left. */

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findProgram, requires } from '../fixtures/requirements.js';
import { launcher, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

function fresh(context: Mocha.Context): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure('[rnetns]\nlinger = 0\n');
  return runtime;
}

/** The promise itself. */
async function expectUsable(runtime: RuntimeDir, when: string): Promise<void> {
  const { status, stdout, stderr } = await run(['run', '--', 'echo', 'inside'], { env: runtime.env });
  expect({ status, stdout, stderr }, `the next run, ${when}`).to.deep.equal({
    status: 0,
    stdout: 'inside\n',
    stderr: '',
  });
  try {
    await gone(runtime);
  } catch (cause) {
    throw new Error(`${when}: ${(cause as Error).message}`, { cause });
  }
}

/** Start the launcher as a job of its own, signal the job (Ctrl-C does that) or the launcher alone, and wait for its end. */
async function interrupt(
  { env }: RuntimeDir,
  args: readonly string[],
  { signal, delayMs, alone = false }: { signal: NodeJS.Signals; delayMs: number; alone?: boolean },
): Promise<'interrupted' | 'had ended'> {
  const child = spawn(launcher, args, { env, detached: true, stdio: 'ignore' });
  const exit = once(child, 'exit');
  const ended = await Promise.race([exit.then(() => true), sleep(delayMs, false)]);
  if (!ended && child.pid !== undefined) {
    try {
      process.kill(alone ? child.pid : -child.pid, signal);
    } catch {
      // It ended this very moment.
    }
  }
  await exit;
  return ended ? 'had ended' : 'interrupted';
}

/** A `node` that strace kills as it enters the `count`th call of a system call; for PATH. Node's main thread only. */
function killedNode(dir: string, call: string, count: number): string {
  const bin = mkdtempSync(join(dir, 'bin-'));
  const file = join(bin, 'node');
  const inject = `inject=${call}:signal=KILL:when=${count}`;
  writeFileSync(
    file,
    `#!/bin/sh\nexec ${findProgram('strace') ?? ''} -qq -o /dev/null -e trace=${call} -e ${inject} ${process.execPath} "$@"\n`,
  );
  chmodSync(file, 0o755);
  return bin;
}

describe('interrupted', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  // A cold start takes about 200 ms; on a slow machine the last delays still lie in it.
  const sweep = (stepMs: number, endMs: number): number[] =>
    Array.from({ length: Math.ceil(endMs / stepMs) }, (_, index) => index * stepMs);

  const kills = [
    { what: 'the whole job, with SIGKILL,', signal: 'SIGKILL', alone: false, stepMs: 8 },
    { what: 'the launcher alone, with SIGKILL,', signal: 'SIGKILL', alone: true, stepMs: 16 },
    { what: 'the whole job, with SIGINT,', signal: 'SIGINT', alone: false, stepMs: 16 },
    { what: 'the whole job, with SIGTERM,', signal: 'SIGTERM', alone: false, stepMs: 32 },
    { what: 'the launcher alone, with SIGTERM,', signal: 'SIGTERM', alone: true, stepMs: 32 },
  ] as const;
  for (const { what, signal, alone, stepMs } of kills) {
    it(`by a kill of ${what} at any moment of creation, a namespace leaves nothing`, async function () {
      const runtime = fresh(this);
      let points = 0;
      for (const delayMs of sweep(stepMs, 260)) {
        const outcome = await interrupt(runtime, ['run', '--', 'true'], { signal, delayMs, alone });
        if (outcome === 'interrupted') points += 1;
        // Of anything but SIGKILL the launcher undoes what was made.
        if (signal !== 'SIGKILL') await gone(runtime);
        await expectUsable(runtime, `${signal} after ${delayMs} ms`);
      }
      console.log(`      ${points} points`);
      expect(points).to.be.at.least(3);
    });
  }

  // What node does to make it: files and directories, programs started and answers awaited, the records in place.
  for (const [call, limit] of [
    ['rename', 12],
    ['mkdir', 12],
    ['vfork,fork,clone,clone3', 16],
    ['unlink,rmdir', 8],
    ['ftruncate,fsync,fdatasync', 12],
  ] as const) {
    it(`by a kill of node at each ${call.replaceAll(',', ', ')}, creation leaves nothing`, async function () {
      requires(this, 'ptrace');
      const runtime = fresh(this);
      const dir = mkdtempSync('/tmp/rnetns-node-');
      onTestEnd(() => rmSync(dir, { recursive: true, force: true }));
      let points = 0;
      for (let count = 1; count <= limit; count += 1) {
        const PATH = `${killedNode(dir, call, count)}${delimiter}${process.env.PATH ?? ''}`;
        const { status, stderr } = await run(['run', '--', 'true'], { env: { ...runtime.env, PATH } });
        // Fewer calls than this: it was not killed, and so it won't be with a higher count.
        if (status === 0) break;
        points += 1;
        expect({ status, stderr }, `kill at ${count}`).to.satisfy(
          (result: { status: number; stderr: string }) =>
            result.status === 125 && /^rnetns: .*node was ended by signal 9/m.test(result.stderr),
        );
        await expectUsable(runtime, `node killed at ${call} ${count}`);
      }
      await gone(runtime);
      console.log(`      ${points} points`);
    });
  }

  it('by a kill of `stop --force` at any moment, a namespace leaves nothing', async function () {
    const runtime = fresh(this);
    for (const delayMs of sweep(20, 200)) {
      const command = await startCommand(runtime);
      await interrupt(runtime, ['stop', '--force'], { signal: 'SIGKILL', delayMs });
      await command.finish();
      await expectUsable(runtime, `stop killed after ${delayMs} ms`);
    }
  });

  it('by a kill while it mends, a namespace that is used stays the same', async function () {
    const runtime = fresh(this);
    const command = await startCommand(runtime);
    for (const delayMs of sweep(20, 200)) {
      const inode = (pid: number): string => `net:[${pid}]`;
      // Whatever the last round left of them.
      const { stdout } = await run(['status', '--json'], { env: runtime.env });
      const { keeper } = JSON.parse(stdout) as { keeper: { pid: number } | null };
      if (keeper !== null) process.kill(keeper.pid, 'SIGKILL');
      await interrupt(runtime, ['run', '--', 'true'], { signal: 'SIGKILL', delayMs });
      const next = await run(['run', '--', 'readlink', '/proc/self/ns/net'], { env: runtime.env });
      expect(next.stdout.trim(), `after ${delayMs} ms: ${next.stderr}`).to.equal(inode(command.netns));
    }
    await command.finish();
    await gone(runtime);
  });

  it('or not: it works where no program may gain privileges (no_new_privs)', async function () {
    const runtime = fresh(this);
    const script = 'grep NoNewPrivs /proc/self/status; cat /proc/self/uid_map; ip -brief address show scope global';
    const PATH = `${process.env.PATH ?? ''}:/usr/sbin`;
    const { status, stdout } = await run(['--no-new-privs', '--', launcher, 'run', '--', 'sh', '-c', script], {
      env: { ...runtime.env, PATH },
      file: findProgram('setpriv') ?? 'setpriv',
    });
    expect(status).to.equal(0);
    expect(stdout).to.match(/^NoNewPrivs:\s+1\n\s+0 .*\n(.*\n)*.* UP |UNKNOWN /);
    await gone(runtime);
  });
});
