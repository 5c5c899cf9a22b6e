/**
 * Each file of a namespace that is up, emptied, removed or garbled, beside each of its processes, stopped or killed
 *
 * What the launcher looks at when it joins, repair has to look at as well: after either the next command joins without
 * Node, in the same network namespace, and there is nothing left to mend.
 */

import { expect } from 'chai';
import { appendFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Mended } from '../../src/lifecycle/context.js';
import { isStopped } from '../../src/state/process.js';
import { statusOf } from '../fixtures/netns-facts.js';
import { alive, startTime, stopNow, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { run, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, partsOf, readParts, startCommand, type Parts, type Role } from '../fixtures/shared-netns.js';

/** Of the state directory; GEN is the generation. Two that belong together are damaged together. */
const FILES = [
  'live',
  'lease.GEN',
  'keeper.GEN',
  '../.outside/default/supervisor',
  '../.outside/default/guard',
  '../.outside/default/keeper',
  '../.outside/default/plan',
  '../.outside/default/alive',
  '../.outside/default/events',
  '../.outside/default/keeper.words ../.outside/default/keeper.said',
  '../.outside/default/driver ../.outside/default/driver.said',
  'resolv.conf',
  'resolv.conf.target',
  'rootless-netns-conn.pid',
  'driver',
  'rootless-netns-conn.pid driver',
  'rootless-netns',
  'state.json',
  '../.outside/default/state.json',
  'info.json',
  '../.outside/default/driver.words ../.outside/default/driver.ready',
  'log',
] as const;

type Damage = 'emptied' | 'removed' | 'garbled';
const DAMAGES: readonly Damage[] = ['emptied', 'removed', 'garbled'];

function damage(path: string, how: Damage): void {
  if (how === 'removed') {
    rmSync(path, { force: true });
    return;
  }
  if (existsSync(path) && !statSync(path).isFile()) {
    // A FIFO has no content to lose: a file takes its place.
    rmSync(path);
  }
  if (how === 'garbled') writeFileSync(path, 'x 1 é\n');
  else if (existsSync(path)) truncateSync(path);
  else appendFileSync(path, '');
}

/** Longer than anything here takes on a busy machine, and shorter than the 30 s for which a caller waits for the lock. */
const LIMIT_MS = 25_000;

/** That all of it had to be replaced is said. */
const unexpected = (stderr: string): string =>
  stderr.replace(/^\S+ rnetns warn: the state of .* was removed, .*\n/, '');

class Damaged {
  private what = 'undamaged';

  constructor(
    private readonly runtime: RuntimeDir,
    private readonly netns: number,
  ) {}

  damage(files: string, how: Damage): void {
    this.what = `${files} ${how}`;
    const [, generation = ''] = readFileSync(join(this.runtime.stateDir(), 'live'), 'latin1').split(' ');
    for (const file of files.split(' ')) damage(join(this.runtime.stateDir(), file.replace('GEN', generation)), how);
  }

  call(...args: string[]): Promise<RunResult> {
    return run(args, { env: this.runtime.env });
  }

  /** Without Node. */
  async joins(): Promise<boolean> {
    const bin = dirname(this.runtime.dir);
    const env = { ...this.runtime.env, PATH: `${bin}:${this.runtime.env.PATH ?? ''}` };
    writeFileSync(join(bin, 'node'), '#!/bin/sh\nexit 99\n', { mode: 0o755 });
    const { status, stdout } = await run(['run', '--', 'readlink', '/proc/self/ns/net'], { env });
    return status === 0 && stdout === `net:[${this.netns}]\n`;
  }

  async repair(): Promise<Mended[]> {
    const { status, stdout, stderr, durationMs } = await this.call('repair', '--json');
    expect({ status, stderr: unexpected(stderr) }, this.what).to.deep.equal({ status: 0, stderr: '' });
    expect(durationMs).to.be.below(LIMIT_MS);
    return (JSON.parse(stdout) as { mended: Mended[] }).mended;
  }

  async runs(): Promise<void> {
    const { status, stdout, stderr, durationMs } = await this.call('run', '--', 'readlink', '/proc/self/ns/net');
    const inside = `net:[${this.netns}]\n`;
    expect({ status, stdout, stderr: unexpected(stderr) }, this.what).to.deep.equal({
      status: 0,
      stdout: inside,
      stderr: '',
    });
    expect(durationMs).to.be.below(LIMIT_MS);
  }

  async expectWhole(): Promise<void> {
    const parts = Object.entries(
      await waitFor(() => readParts(this.runtime), { what: () => `all parts of a namespace with ${this.what}` }),
    );
    for (const [role, pid] of parts) {
      expect(alive(pid), `${role} lives`).to.be.true;
      expect(isStopped({ pid, startTicks: startTime(pid) ?? 0 }), `${role} sleeps`).to.be.false;
    }
    expect(await this.joins(), `the next command joins, ${this.what}`).to.be.true;
    expect(await this.repair(), this.what).to.deep.equal([]);
  }
}

async function damaged(context: Mocha.Context): Promise<Damaged & { end: () => Promise<void> }> {
  context.timeout(240_000);
  const runtime = freshRuntimeDir(context);
  runtime.configure('[rnetns]\nlinger = 0\n');
  const command = await startCommand(runtime);
  return Object.assign(new Damaged(runtime, command.netns), {
    async end() {
      await command.finish();
      await gone(runtime);
    },
  });
}

describe('every file of a namespace, damaged', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  for (const how of DAMAGES) {
    it(`${how}: repair looks at what the launcher looks at, and names it`, async function () {
      const one = await damaged(this);
      for (const file of FILES) {
        one.damage(file, how);
        const joined = await one.joins();
        const mended = await one.repair();
        if (!joined) expect(mended, `of ${file}`).to.not.be.empty;
        await one.expectWhole();
      }
      await one.end();
    });

    it(`${how}: run mends it as well`, async function () {
      const one = await damaged(this);
      for (const file of FILES) {
        one.damage(file, how);
        await one.runs();
        // What is no obstacle to a command is repair's alone.
        await one.repair();
        await one.expectWhole();
      }
      await one.end();
    });
  }

  const disturbed = (['guard', 'supervisor', 'keeper', 'driver'] as const).flatMap((role) =>
    (['stopped', 'killed'] as const).map((act) => ({ role, act })),
  );
  for (const [offset, { role, act }] of disturbed.entries()) {
    it(`while the ${role} is ${act}: run and repair bring back all of it`, async function () {
      const runtime = freshRuntimeDir(this);
      this.timeout(240_000);
      runtime.configure('[rnetns]\nlinger = 0\n');
      const command = await startCommand(runtime);
      const one = new Damaged(runtime, command.netns);
      for (const [index, file] of FILES.entries()) {
        // The file of its own pid may be what is damaged.
        const pid = partsOf(runtime)[role];
        if (act === 'stopped') await stopNow(pid);
        one.damage(file, DAMAGES[(index + offset) % DAMAGES.length] ?? 'removed');
        if (act === 'killed') await killNow(pid);
        if ((index + offset) % 2 === 0) await one.runs();
        await one.repair();
        await one.expectWhole();
      }
      await command.finish();
      await gone(runtime);
    });
  }

  it('nothing, while the supervisor is stopped and its driver dies: the next command gets another one', async function () {
    const runtime = freshRuntimeDir(this);
    const command = await startCommand(runtime);
    const one = new Damaged(runtime, command.netns);
    const { supervisor, driver } = partsOf(runtime);
    await stopNow(supervisor);
    await killNow(driver);
    await one.runs();
    expect(partsOf(runtime).driver).to.not.equal(driver);
    await one.expectWhole();
    await run(['stop', '--force'], { env: runtime.env });
    await gone(runtime);
  });

  it('nothing, while a part is stopped again and again: it is killed, and another one takes its place', async function () {
    const runtime = freshRuntimeDir(this);
    const command = await startCommand(runtime);
    const one = new Damaged(runtime, command.netns);
    for (const role of ['guard', 'supervisor', 'keeper', 'driver'] as const satisfies readonly Role[]) {
      const before: Parts = partsOf(runtime);
      const pid = before[role];
      const timer = setInterval(() => {
        if (alive(pid)) process.kill(pid, 'SIGSTOP');
      }, 1);
      await stopNow(pid);
      const mended = await one.repair();
      clearInterval(timer);
      expect(mended.map(({ detail }) => detail).join('\n')).to.match(new RegExp(`${role} .*(killed|goes on): `));
      if (alive(pid)) process.kill(pid, 'SIGCONT');
      await one.repair();
      await one.expectWhole();
    }
    await run(['stop', '--force'], { env: runtime.env });
    await gone(runtime);
  });

  it('status tells a part that is stopped, and teardown of the last reference wakes the supervisor', async function () {
    const runtime = freshRuntimeDir(this);
    const { env } = runtime;
    const state = async (): Promise<string> => (await statusOf(env)).state;
    expect((await run(['setup', '--id', 'a'], { env })).status).to.equal(0);
    expect(await state()).to.equal('running');
    const { supervisor } = partsOf(runtime);
    await stopNow(supervisor);
    expect(await state()).to.equal('degraded');
    expect((await run(['teardown', '--id', 'a'], { env })).status).to.equal(0);
    await gone(runtime);
  });

  it('the supervisor, stopped while a tied process ends, drops its reference when it goes on', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure('[rnetns]\nlinger = 0\n');
    const { env } = runtime;
    const tied = await startCommand(runtime);
    expect((await run(['setup', '--id', 'a', '--pid', String(tied.pid)], { env })).status).to.equal(0);
    const { supervisor } = partsOf(runtime);
    await stopNow(supervisor);
    await tied.finish();
    process.kill(supervisor, 'SIGCONT');
    await gone(runtime);
  });
});
