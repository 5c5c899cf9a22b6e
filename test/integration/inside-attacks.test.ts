/** Root of the shared namespace attacks what holds it, at rest and while things are made, entered, mended and removed. */

import { expect } from 'chai';
import { existsSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { printed } from '../fixtures/netns-facts.js';
import { alive, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, projectRoot, run, spawnRnetns } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { killNow, partsOf, readParts, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const HOST = readlinkSync('/proc/self/ns/net');
const SUBORDINATE = ['setpriv', '--reuid', '100', '--regid', '100', '--clear-groups', '--inh-caps=-all'];

interface Attacker {
  /** The lines of those that it got hold of. */
  attached: () => string[];
  /** End it, and see that it has looked. */
  finish: () => Promise<void>;
}

/** @param by - a command that leads to where the callers of rnetns are. */
async function startAttacker({ env }: RuntimeDir, by: readonly string[], as: readonly string[]): Promise<Attacker> {
  // By descriptor: the tests' own copy lies in /run, which is another one inside.
  const [file, ...args] = [...by, 'sh', '-c', 'exec 3<"$1"; shift; exec "$@"', 'sh'];
  const inside = [launcher, 'run', '--', ...as, 'python3', '/proc/self/fd/3', HOST];
  const script = join(projectRoot, 'test/fixtures/attacker.py');
  const started = spawnRnetns([...args, script, ...inside], { env, file });
  await printed(started, 'ready');
  return {
    attached: () => started.stdout().match(/^attached .*$/gm) ?? [],
    async finish() {
      started.child.stdin?.end('stop\n');
      await started.ended;
      expect(Number(/looked (\d+)/.exec(started.stdout())?.[1]), started.stderr()).to.be.above(0);
    },
  };
}

/** What root, and a subordinate uid where there is one, got hold of meanwhile. */
async function attackedDuring(
  runtime: RuntimeDir,
  act: () => Promise<void>,
  { by = ['env'], as = [[], SUBORDINATE] }: { by?: readonly string[]; as?: readonly (readonly string[])[] } = {},
): Promise<string[]> {
  const attackers: Attacker[] = [];
  for (const who of as) attackers.push(await startAttacker(runtime, by, who));
  try {
    await act();
  } finally {
    for (const attacker of attackers) await attacker.finish();
  }
  return attackers.flatMap((attacker) => attacker.attached());
}

/** Enter so many times; a call that finds the driver killed again and again may fail. */
async function enter({ env }: RuntimeDir, times: number, by: readonly string[] = ['env']): Promise<void> {
  const script = 'i=0; while [ "$i" -lt "$1" ]; do ! "$2" run -- true 2>/dev/null || i=$((i + 1)); done';
  const [file, ...args] = [...by, 'sh', '-c', script, 'sh', String(times), launcher];
  const { status, stderr } = await run(args, { env, file, timeoutMs: 120_000 });
  expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
}

async function restartDriver(runtime: RuntimeDir): Promise<void> {
  const { driver } = partsOf(runtime);
  await killNow(driver);
  await waitFor(() => (readParts(runtime)?.driver ?? driver) !== driver, {
    timeoutMs: 10_000,
    what: 'the driver to be back',
  });
}

describe('attacks from inside', function () {
  this.timeout(180_000);

  beforeEach(function () {
    requires(this, 'userns', 'tun', 'python3', 'subids', 'pasta');
  });

  it('would get hold of what enters the user namespace of the commands while it is on the host’s network', async function () {
    const runtime = freshRuntimeDir(this);
    const attacked = await attackedDuring(runtime, async () => {
      const target = ['--target', String(partsOf(runtime).keeper), '--user', '--preserve-credentials'];
      const entering = spawnRnetns([...target, '--', 'sleep', '2'], { env: runtime.env, file: 'nsenter' });
      // Two who trace it one after the other may leave it stopped.
      await Promise.race([entering.ended, sleep(4000)]);
      await killNow(entering.pid);
    });
    expect(attacked).to.not.be.empty;
  });

  for (const driver of ['pasta', 'slirp4netns'] as const) {
    it(`get hold of nothing while the namespace of ${driver} is entered, mended, looked at and used`, async function () {
      requires(this, driver);
      const runtime = freshRuntimeDir(this);
      runtime.configure(`[network]\ndefault_rootless_network_cmd = ${driver}\n`);
      const { env } = runtime;
      const attacked = await attackedDuring(runtime, async () => {
        const many = enter(runtime, 300);
        for (let round = 0; round < 20; round += 1) await restartDriver(runtime);
        for (const command of [
          ['netns', 'add', 'blue'],
          ['netns', 'exec', 'blue', '--', 'true'],
          ['netns', 'list'],
          ['netns', 'delete', 'blue'],
          ['ps'],
          ['status'],
          ['graph'],
          ['unshare', '--', 'true'],
          ['setup', '--id', 'web', '--', 'true'],
          ['teardown', '--id', 'web', '--', 'true'],
          ['repair'],
        ]) {
          const { status, stderr } = await run(command, { env, timeoutMs: 60_000 });
          expect(status, `${command.join(' ')}: ${stderr}`).to.equal(0);
        }
        await run(['doctor'], { env, timeoutMs: 60_000 });
        await many;
        for (const role of ['keeper', 'guard', 'supervisor'] as const) {
          await killNow(partsOf(runtime)[role]);
          await enter(runtime, 5);
        }
      });
      expect(attacked).to.deep.equal([]);
    });
  }

  it('get hold of nothing under no_new_privs', async function () {
    const runtime = freshRuntimeDir(this);
    const by = ['setpriv', '--no-new-privs', '--'];
    // newuidmap is setuid root, so there are no subordinate ids.
    const attacked = await attackedDuring(runtime, () => enter(runtime, 50, by), { by, as: [[]] });
    expect(attacked).to.deep.equal([]);
  });

  it('get hold of nothing inside another user namespace', async function () {
    const runtime = freshRuntimeDir(this);
    const script = 'echo made; exec cat';
    const outer = spawnRnetns(['--user', '--map-root-user', '--mount', 'sh', '-c', script], { file: 'unshare' });
    await printed(outer, 'made');
    const by = ['nsenter', '--target', String(outer.pid), '--user', '--mount', '--preserve-credentials', '--'];
    const attacked = await attackedDuring(runtime, () => enter(runtime, 50, by), { by, as: [[]] });
    expect(attacked).to.deep.equal([]);
    await run(['stop', '--force'], { env: runtime.env, file: launcher });
  });

  it('see nothing of what is outside only, of whichever name, and can’t uncover it', async function () {
    const runtime = freshRuntimeDir(this);
    const hidden = join(runtime.stateDir(), '../.outside');
    const held = await startCommand(runtime);
    expect(readdirSync(join(hidden, 'default'))).to.include.members(['state.json', 'supervisor', 'guard', 'keeper']);
    const script = `ls -A "$1"; umount "$1" && ls -A "$1"; mkdir /tmp/seen; mount --bind "$2" /tmp/seen && ls -A /tmp/seen/.outside
      mount -t overlay -o "userxattr,lowerdir=$2:/mnt" overlay /tmp/seen && ls -A /tmp/seen/.outside; rmdir /tmp/seen; true`;
    for (const name of ['default', 'other']) {
      const args = ['run', '--name', name, '--', 'sh', '-c', script, 'sh', hidden, join(runtime.stateDir(), '..')];
      expect((await run(args, runtime)).stdout, name).to.equal('');
    }
    await held.finish();
  });

  for (const [what, write] of [
    ['state.json', `sed -i "s|/usr/bin/pasta|$3|" "$1/state.json"`],
    [
      'live',
      `mkfifo "$2/fifo"; sh -c 'exec 7<>"$1/fifo" 4<>"$1/fifo" 8<>"$1/fifo"; exec sleep 20' sh "$2" &
       read -r magic generation boot _ <"$1/live"
       read -r stat </proc/$!/stat; start=$(echo "$stat" | cut -d ' ' -f 22)
       echo "$magic $generation $boot $! $start $! $start $! $start ." >"$1/live"`,
    ],
  ] as const) {
    it(`have nothing run outside by changing ${what}`, async function () {
      const runtime = freshRuntimeDir(this);
      const held = await startCommand(runtime);
      const scratch = mkdtempSync(join(tmpdir(), 'rnetns-scratch-'));
      onTestEnd(() => rmSync(scratch, { recursive: true, force: true }));
      const evil = join(scratch, 'evil');
      writeFileSync(evil, `#!/bin/sh\nreadlink /proc/self/ns/net >>${scratch}/ran\n`, { mode: 0o755 });
      const { supervisor, keeper } = partsOf(runtime);
      await run(['run', '--', 'sh', '-c', write, 'sh', runtime.stateDir(), scratch, evil], runtime);
      const attacked = await attackedDuring(runtime, async () => {
        for (const part of [supervisor, keeper]) if (alive(part)) await killNow(part);
        for (let round = 0; round < 5; round += 1) await run(['setup', '--id', 'web', '--', 'true'], runtime);
        await run(['teardown', '--id', 'web', '--', 'true'], runtime);
        await run(['repair'], runtime);
      });
      expect(attacked).to.deep.equal([]);
      expect(existsSync(join(scratch, 'ran'))).to.be.false;
      await held.finish();
    });
  }

  it('have nothing written outside by a link in the place of a file, or of the directory above', async function () {
    const runtime = freshRuntimeDir(this);
    const held = await startCommand(runtime);
    const hidden = join(runtime.stateDir(), '..', '.outside');
    const before = readFileSync(join(hidden, 'default', 'plan'), 'utf8');
    const { supervisor, keeper, driver } = partsOf(runtime);
    const script = `cd "$1" && mv rnetns x 2>/dev/null && echo renamed
      cd "$1/rnetns/default" && rm -f log log.1
      for link in log log.1 "live.$2.tmp" driver lock-owner; do ln -sf ../.outside/default/plan "$link"; done
      read -r magic generation boot rest <live
      echo "$magic $generation ;id>/tmp/rnetns-ran;exit; $rest" >live.new && cat live.new >live`;
    const inside = await run(['run', '--', 'sh', '-c', script, 'sh', runtime.dir, String(supervisor)], runtime);
    expect(inside.stdout).to.equal('');
    for (const part of [keeper, driver, supervisor]) {
      await killNow(part);
      await waitFor(() => readParts(runtime), { what: 'all parts' });
    }
    expect((await run(['setup', '--id', 'a'], runtime)).status).to.equal(0);
    expect((await run(['teardown', '--id', 'a'], runtime)).status).to.equal(0);
    const plan = readFileSync(join(hidden, 'default', 'plan'), 'utf8');
    expect(plan.replace(before, '')).to.not.match(/supervisor:|id>/);
    expect(existsSync('/tmp/rnetns-ran')).to.be.false;
    await held.finish();
  });
});
