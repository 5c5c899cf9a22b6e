/** Sudden death of any part of a shared namespace, or of a command in it. */

import { expect } from 'chai';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { alive, commandLine, descendantsOf, namespaceInode, waitFor } from '../fixtures/processes.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import {
  gone,
  killNow,
  netnsOfNewRun,
  partsOf,
  readParts,
  startCommand,
  visibleLauncher,
  type Command,
  type Parts,
} from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

function lingering(context: Mocha.Context, linger: number): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure(`[rnetns]\nlinger = ${linger}\n`);
  return runtime;
}

/** The IPv4 addresses that a process inside has, but for the loopback's. */
function addresses(pid: number): string[] {
  const trie = readFileSync(`/proc/${pid}/net/fib_trie`, 'latin1');
  const local = [...trie.matchAll(/\|-- (\S+)\n\s+\/32 host LOCAL/g)].map(([, address]) => address ?? '');
  return [...new Set(local)].filter((address) => !address.startsWith('127.'));
}

async function expectAllGoneAfter(runtime: RuntimeDir, command: Command): Promise<void> {
  await command.finish();
  await gone(runtime);
}

describe('sudden death', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  for (const linger of [0, 1, 2]) {
    it(`of the only command: everything is gone after a linger of ${linger} s`, async function () {
      const runtime = lingering(this, linger);
      const command = await startCommand(runtime);
      const begin = performance.now();
      await killNow(command.pid);
      await gone(runtime);
      const tookMs = performance.now() - begin;
      console.log(`      gone ${Math.round(tookMs)} ms after the kill`);
      expect(tookMs, 'it lingers').to.be.at.least(linger * 1000);
    });
  }

  it('of one command leaves another one its namespace', async function () {
    const runtime = lingering(this, 0);
    const [first, second] = [await startCommand(runtime), await startCommand(runtime)];
    await killNow(first.pid);
    expect(await netnsOfNewRun(runtime)).to.equal(second.netns);
    expect(alive(second.pid)).to.be.true;
    await expectAllGoneAfter(runtime, second);
  });

  const victims: (readonly (keyof Parts)[])[] = [
    ['guard'],
    ['supervisor'],
    ['keeper'],
    ['driver'],
    ['guard', 'supervisor'],
    ['guard', 'keeper'],
    ['guard', 'driver'],
    ['supervisor', 'keeper'],
    ['supervisor', 'driver'],
    ['keeper', 'driver'],
    ['supervisor', 'keeper', 'driver'],
    ['guard', 'keeper', 'driver'],
    ['guard', 'supervisor', 'driver'],
    ['guard', 'supervisor', 'keeper'],
  ];
  for (const roles of victims) {
    it(`of the ${roles.join(', ')} while a command runs: the next one enters the same namespace`, async function () {
      const runtime = lingering(this, 0);
      const command = await startCommand(runtime);
      const before = addresses(command.pid);
      const parts = partsOf(runtime);
      await killNow(...roles.map((role) => parts[role]));
      expect(await netnsOfNewRun(runtime), 'netns of the next run').to.equal(command.netns);
      // A guard is started when the supervisor next looks.
      await waitFor(() => roles.every((role) => alive(readParts(runtime)?.[role] ?? 0)), {
        what: () => `a living ${roles.join(', ')}: ${JSON.stringify(readParts(runtime))}`,
      });
      // A driver that had to be started again is promised to be back within a second.
      await waitFor(() => addresses(command.pid).length > 0, { what: 'an address' });
      expect(addresses(command.pid), 'addresses of the command').to.deep.equal(before);
      expect(alive(command.pid), 'the command lives').to.be.true;
      await expectAllGoneAfter(runtime, command);
    });
  }

  it('of all parts: a command asking from inside changes nothing, and one from outside mends', async function () {
    // Not below /run: from inside, all of this directory can be seen below the state directory.
    const outer = freshRuntimeDir(this);
    const dir = mkdtempSync('/tmp/rnetns-run-');
    onTestEnd(() => rmSync(dir, { recursive: true }));
    const env = { ...outer.env, XDG_RUNTIME_DIR: dir };
    const runtime = { ...outer, env, dir, stateDir: (name = 'default') => join(dir, 'rnetns', name) };
    runtime.configure('[rnetns]\nlinger = 0\n');
    writeFileSync(join(dir, 'precious'), 'mine');
    const launcher = visibleLauncher();
    const inside = `read -r _; ${launcher} run -- true; echo $?; ${launcher} stop --force; echo $?`;
    const first = await startCommand(runtime, `(${inside}) 2>&1`, [], 'waiting');
    const { guard, supervisor, keeper } = partsOf(runtime);
    await killNow(supervisor, keeper, guard);
    first.child.stdin?.write('\n');
    await waitFor(() => first.stdout().includes('up\n'), {
      what: () => `the end: ${first.stdout()}`,
    });
    expect(first.stdout()).to.match(
      /^waiting\nrnetns: cannot mend .*\nhint: .*\n125\nrnetns: cannot remove .*\nhint: .*\n125\nup\n$/,
    );
    expect(readFileSync(join(dir, 'precious'), 'utf8')).to.equal('mine');
    expect(await netnsOfNewRun(runtime)).to.equal(first.netns);
    await first.finish();
    const left = (): string[] => readdirSync(dir).filter((name) => name !== 'rnetns');
    // What the names were in goes last.
    await waitFor(() => !existsSync(join(dir, 'rnetns', 'default')) && left().length === 1, { what: 'it to be gone' });
    expect(left()).to.deep.equal(['precious']);
  });

  it('of all parts, but not of what waits for leases: the next one gets the same namespace', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    await killNow(...Object.values(partsOf(runtime)));
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    await expectAllGoneAfter(runtime, command);
  });

  it('of all that leads there while a command runs: that one goes on alone, and the next one gets a new namespace', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const { supervisor } = partsOf(runtime);
    await killNow(supervisor, ...descendantsOf(supervisor));
    expect(await netnsOfNewRun(runtime)).to.not.equal(command.netns);
    expect(alive(command.pid)).to.be.true;
    await expectAllGoneAfter(runtime, command);
  });

  it('of all parts but the driver, and of the last command while it is mended: the next one gets a new namespace', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const { driver, ...others } = partsOf(runtime);
    // So that it can't notice by itself: nothing would lead back to the command then.
    process.kill(driver, 'SIGSTOP');
    await killNow(...Object.values(others));
    // The moment at which the command's namespace is to be mounted, and is not there any more.
    const bin = mkdtempSync(join(runtime.dir, '..', 'bin-'));
    const kill = `kill -s KILL ${command.pid} && while [ -e /proc/${command.pid}/ns/net ]; do :; done`;
    writeFileSync(join(bin, 'mount'), `#!/bin/sh\n(${kill}) 2>/dev/null\nexec ${findProgram('mount')} "$@"\n`);
    chmodSync(join(bin, 'mount'), 0o755);
    const env = { ...runtime.env, PATH: `${bin}:${runtime.env.PATH ?? ''}` };
    const netns = await netnsOfNewRun({ ...runtime, env });
    expect(alive(command.pid)).to.be.false;
    // Its number says nothing but that it isn't the host's: the kernel gives that of the dead one again.
    expect(netns).to.not.equal(namespaceInode('self'));
    await command.ended;
    await gone(runtime);
  });

  it('of all but the driver while nothing runs: the driver goes when the next one makes a namespace', async function () {
    const runtime = lingering(this, 2);
    await netnsOfNewRun(runtime);
    const { driver, ...others } = partsOf(runtime);
    // So that it can't notice by itself.
    process.kill(driver, 'SIGSTOP');
    await killNow(...Object.values(others));
    await netnsOfNewRun(runtime);
    await waitFor(() => !alive(driver), { what: 'the old driver to be dead' });
  });

  it('of the driver: it has its address again, with no command given', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const before = addresses(command.pid);
    const { driver } = partsOf(runtime);
    const begin = performance.now();
    await killNow(driver);
    await waitFor(() => (readParts(runtime)?.driver ?? driver) !== driver && addresses(command.pid).length > 0, {
      what: 'the driver to be back',
    });
    console.log(`      back after ${Math.round(performance.now() - begin)} ms`);
    expect(addresses(command.pid)).to.deep.equal(before);
    await expectAllGoneAfter(runtime, command);
  });

  it('of the supervisor: its guard takes its place with no command given, and all goes with the last command', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const { supervisor, guard, keeper, driver } = partsOf(runtime);
    await killNow(supervisor);
    const after = await waitFor(() => [readParts(runtime)].find((parts) => parts && parts.supervisor !== supervisor), {
      what: 'another supervisor',
    });
    expect(alive(after.supervisor)).to.be.true;
    expect(after).to.include({ supervisor: guard, keeper, driver });
    await expectAllGoneAfter(runtime, command);
  });

  it('of all parts while the supervisor lingers takes its timer with it', async function () {
    const runtime = lingering(this, 60);
    const command = await startCommand(runtime);
    const parts = partsOf(runtime);
    await command.finish();
    const isTimer = (pid: number): boolean => commandLine(pid)[0] === 'sleep';
    const timer = await waitFor(() => descendantsOf(parts.supervisor).find(isTimer), {
      what: 'the supervisor to wait',
    });
    await killNow(...Object.values(parts));
    await waitFor(() => !alive(timer), { what: `${timer} to end` });
    const { status, stderr } = await run(['stop'], { env: runtime.env });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    await gone(runtime);
  });

  it('of guard and supervisor keeps the linger that the namespace was made with, whoever mends it', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    runtime.configure('[rnetns]\nlinger = 60\n');
    const { guard, supervisor } = partsOf(runtime);
    await killNow(guard, supervisor);
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    await expectAllGoneAfter(runtime, command);
  });

  for (const [driver, roles] of [
    ['pasta', ['guard', 'supervisor']],
    ['none', ['guard', 'supervisor']],
    ['none', ['supervisor']],
  ] as const) {
    it(`of the ${roles.join(' and the ')} with the driver ${driver}: all goes after the last command, with none given`, async function () {
      const runtime = freshRuntimeDir(this);
      runtime.configure(`[network]\ndefault_rootless_network_cmd = ${driver}\n[rnetns]\nlinger = 0\n`);
      const command = await startCommand(runtime);
      const [, , , supervisor = 0, , guard = 0] = readFileSync(join(runtime.stateDir(), 'live'), 'latin1')
        .split(' ')
        .map(Number);
      const pids = { guard, supervisor };
      await killNow(...roles.map((role) => pids[role]));
      await sleep(6000);
      expect(alive(command.pid), 'it is in use').to.be.true;
      await command.finish();
      await gone(runtime);
    });
  }

  it('of the supervisor just before the last command ends leaves nothing', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const { supervisor } = partsOf(runtime);
    process.kill(supervisor, 'SIGKILL');
    await command.finish();
    await gone(runtime);
  });

  it('of a part while nothing but lingering goes on leaves nothing', async function () {
    for (const role of ['guard', 'keeper', 'supervisor', 'driver'] as const) {
      const runtime = lingering(this, 1);
      expect((await run(['run', '--', 'true'], { env: runtime.env })).status).to.equal(0);
      await killNow(partsOf(runtime)[role]);
      await gone(runtime);
    }
  });

  it('of a lease: a command that closed its descriptors keeps the namespace as long as it lives', async function () {
    const runtime = lingering(this, 0);
    const close = [3, 4, 5, 6, 7, 8, 9].map((fd) => `exec ${fd}>&-`).join('; ');
    const command = await startCommand(runtime, close);
    const { keeper } = partsOf(runtime);
    // Nothing may happen for longer than a reaper needs; this sleep is the test.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(alive(keeper), 'the keeper lives').to.be.true;
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    expect(addresses(command.pid)).to.not.be.empty;
    await command.finish();
    await gone(runtime);
  });

  it('of a parent: a child that a command left in the background keeps the namespace as long as it lives', async function () {
    const runtime = lingering(this, 0);
    const left = await run(
      ['run', '--', 'sh', '-c', 'sleep 60 >/dev/null 2>&1 & echo $!; readlink /proc/self/ns/net'],
      {
        env: runtime.env,
      },
    );
    const [pid = '', link = ''] = left.stdout.split('\n');
    expect(left.status).to.equal(0);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(`net:[${await netnsOfNewRun(runtime)}]`).to.equal(link);
    await killNow(Number(pid));
    await gone(runtime);
  });
});
