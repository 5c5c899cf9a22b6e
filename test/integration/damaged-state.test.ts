/** State files that are torn, corrupt, of another boot, or name the pids of strangers. */

import { expect } from 'chai';
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { alive, startTime, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
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

function fresh(context: Mocha.Context): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure('[rnetns]\nlinger = 0\n');
  return runtime;
}

async function expectWorks(runtime: RuntimeDir): Promise<void> {
  const { status, stdout, stderr } = await run(['run', '--', 'echo', 'inside'], { env: runtime.env });
  expect({ status, stdout, stderr }).to.deep.equal({ status: 0, stdout: 'inside\n', stderr: '' });
  await gone(runtime);
}

/** Every file whose content a later call reads. */
const FILES = [
  'live',
  'state.json',
  'info.json',
  'resolv.conf',
  'rootless-netns-conn.pid',
  'driver',
  'lock-owner',
  'ref-count',
];

/** A count that nobody can read keeps the namespace until it is mended: it may stand for any number of containers. */
async function mendCount({ env }: RuntimeDir, file: string): Promise<void> {
  if (file !== 'ref-count') return;
  const { status, stderr } = await run(['repair'], { env });
  expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
}

describe('a state file', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  const damages: Record<string, (path: string) => void> = {
    empty: (path) => writeFileSync(path, ''),
    torn: (path) => truncateSync(path, Math.floor(statSync(path).size / 2)),
    binary: (path) => writeFileSync(path, Buffer.from(Array.from({ length: 512 }, (_, index) => (index * 7) % 256))),
    'a word': (path) => writeFileSync(path, 'word'),
    'JSON of another kind': (path) => writeFileSync(path, '[{"a":null}]\n'),
    'a directory': (path) => {
      rmSync(path);
      mkdirSync(path);
    },
    'a dangling link': (path) => {
      rmSync(path);
      symlinkSync('/nonexistent/x', path);
    },
    'not readable': (path) => chmodSync(path, 0),
    missing: (path) => rmSync(path),
  };
  for (const [what, damage] of Object.entries(damages)) {
    it(`that is ${what}, while a command runs: the next one enters the same namespace, and all goes`, async function () {
      for (const file of FILES) {
        const runtime = fresh(this);
        const command = await startCommand(runtime);
        const path = join(runtime.stateDir(), file);
        if (file === 'ref-count') writeFileSync(path, '0\n');
        damage(path);
        const problem = `${file} that is ${what}`;
        const next = await run(['run', '--', 'readlink', '/proc/self/ns/net'], { env: runtime.env });
        expect({ stdout: next.stdout, stderr: next.stderr }, problem).to.deep.equal({
          stdout: `net:[${command.netns}]\n`,
          stderr: '',
        });
        for (const args of [['status', '--json'], ['list'], ['plan']]) {
          const { status, stderr } = await run(args, { env: runtime.env });
          expect({ status, stderr }, `${args.join(' ')}, ${problem}`).to.deep.equal({ status: 0, stderr: '' });
        }
        await mendCount(runtime, file);
        await command.finish();
        await gone(runtime).catch((cause: unknown) => {
          throw new Error(`${problem}: ${String(cause)}`, { cause });
        });
      }
    });

    it(`that is ${what}, of a namespace that is gone: the next run makes a new one`, async function () {
      for (const file of FILES) {
        const runtime = fresh(this);
        mkdirSync(runtime.stateDir(), { recursive: true, mode: 0o700 });
        const path = join(runtime.stateDir(), file);
        writeFileSync(path, 'rnetns1 0 0 1 1 1 1 1 1 .\n'.repeat(file === 'live' ? 1 : 2));
        if (file === 'ref-count') writeFileSync(path, '0\n');
        damage(path);
        await mendCount(runtime, file);
        await expectWorks(runtime).catch((cause: unknown) => {
          throw new Error(`${file} that is ${what}: ${String(cause)}`, { cause });
        });
      }
    });
  }

  it('with the pids of strangers: none of them is signalled, and the namespace is mended or made anew', async function () {
    const stranger = spawn('sleep', ['600'], { stdio: 'ignore', detached: true });
    onTestEnd(() => void stranger.kill('SIGKILL'));
    const pid = stranger.pid ?? 0;
    const start = startTime(pid) ?? 0;
    const own = startTime(process.pid) ?? 0;
    for (const dead of [false, true]) {
      for (const field of [3, 5, 7]) {
        for (const [reused, startTicks] of [
          [pid, start],
          [pid, 1],
          [process.pid, own],
          [1, 1],
        ] as const) {
          const runtime = fresh(this);
          const command = await startCommand(runtime);
          if (dead) {
            const { keeper, supervisor } = partsOf(runtime);
            await killNow(...(field === 7 ? [keeper] : [supervisor]));
          }
          const live = join(runtime.stateDir(), 'live');
          const words = readFileSync(live, 'latin1').split(' ');
          words[field] = String(reused);
          words[field + 1] = String(startTicks);
          writeFileSync(`${live}.new`, words.join(' '));
          renameSync(`${live}.new`, live);
          writeFileSync(join(runtime.stateDir(), 'rootless-netns-conn.pid'), `${reused}\n`);
          writeFileSync(join(runtime.stateDir(), 'driver'), `${reused} ${startTicks} 0\n\n`);
          expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
          await command.finish();
          await run(['stop', '--force'], { env: runtime.env });
          await gone(runtime);
          expect(alive(pid), 'the stranger lives').to.be.true;
        }
      }
    }
  });

  it('with the number of a network namespace that is another one now: neither mended from it nor ended', async function () {
    const runtime = fresh(this);
    const other = await startCommand(runtime, ':', ['--name', 'other']);
    for (const args of [['stop', '--force'], ['stop'], ['run', '--', 'true']]) {
      const command = await startCommand(runtime);
      const { supervisor } = await waitFor(() => readParts(runtime), { what: 'all parts to be there' });
      // With the one that waits for leases, which would remove the state.
      process.kill(supervisor, 'SIGSTOP');
      await killChildren(supervisor);
      await killNow(command.pid, supervisor);
      // As the kernel does it: the lowest number that is free.
      for (const file of ['state.json', '../.outside/default/state.json']) {
        const record = join(runtime.stateDir(), file);
        writeFileSync(record, readFileSync(record, 'utf8').replace(String(command.netns), String(other.netns)));
      }
      const { status, stderr } = await run(args, { env: runtime.env });
      expect({ status, stderr }, args.join(' ')).to.deep.equal({ status: 0, stderr: '' });
      expect(alive(other.pid)).to.be.true;
      expect(await netnsOfNewRun(runtime)).to.not.equal(other.netns);
    }
    expect(await netnsOfNewRun(runtime, ['--name', 'other'])).to.equal(other.netns);
    await other.finish();
    await gone(runtime);
  });

  it('of another boot: the namespace is made anew, whatever lies around', async function () {
    const runtime = fresh(this);
    const command = await startCommand(runtime);
    const state = runtime.stateDir();
    const files = ['live', 'state.json', 'info.json', 'driver', 'rootless-netns-conn.pid', 'resolv.conf'];
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const other = '00000000-1111-2222-3333-444444444444';
    const saved = files.map((file) => [file, readFileSync(join(state, file), 'utf8').replaceAll(boot, other)] as const);
    await command.finish();
    await gone(runtime);
    // The pids may be others' by now: this process's will do.
    mkdirSync(join(state, 'run/user/0'), { recursive: true, mode: 0o700 });
    for (const [file, text] of saved) writeFileSync(join(state, file), text);
    writeFileSync(join(state, 'rootless-netns-conn.pid'), `${process.pid}\n`);
    writeFileSync(join(state, 'rootless-netns'), '');
    writeFileSync(join(state, `lease.${saved[0]?.[1].split(' ')[1] ?? ''}`), '');
    const status = await run(['status', '--json'], { env: runtime.env });
    expect((JSON.parse(status.stdout) as { state: string }).state).to.equal('down');
    await expectWorks(runtime);
  });

  it('that is a FIFO: neither the supervisor nor the one after it waits on it', async function () {
    const runtime = fresh(this);
    const command = await startCommand(runtime);
    for (const role of ['driver', 'supervisor', 'driver'] as const) {
      const pid = partsOf(runtime)[role];
      const paths = ['rootless-netns-conn.pid', 'driver'].map((file) => join(runtime.stateDir(), file));
      for (const path of paths) rmSync(path);
      execFileSync('mkfifo', paths);
      await killNow(pid);
      expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    }
    await command.finish();
    await gone(runtime);
  });

  it('and all others removed by somebody, while a command runs: the next one enters the same namespace', async function () {
    const runtime = fresh(this);
    const command = await startCommand(runtime);
    rmSync(join(runtime.dir, 'rnetns'), { recursive: true });
    const next = await run(['run', '--', 'readlink', '/proc/self/ns/net'], { env: runtime.env });
    expect(next.stdout, next.stderr).to.equal(`net:[${command.netns}]\n`);
    await command.finish();
    await gone(runtime);
  });
});
