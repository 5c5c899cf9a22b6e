/** A runtime's busy day: 1,000 setups and teardowns from 16 processes. What a call takes is printed, not promised here. */

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../fixtures/processes.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { launcher, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const CALLS = 1000;
const CALLERS = 16;

/** A shell that calls for every 16th id, in each of 16 processes; what any of them says. */
async function fromAll({ env, stateDir }: RuntimeDir, calls: number, script: string): Promise<string> {
  const loop = `rnetns=$1 references=$2 i=$3
    while [ "$i" -lt ${calls} ]; do
      id=container-$i
      ${script}
      i=$((i + ${CALLERS}))
    done`;
  const words = await Promise.all(
    Array.from({ length: CALLERS }, async (_, caller) => {
      const child = spawn('sh', ['-c', loop, 'sh', launcher, join(stateDir(), 'references'), String(caller)], {
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      });
      onTestEnd(() => {
        if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => (said += text));
      }
      await once(child, 'close');
      return said;
    }),
  );
  return words.join('');
}

async function thousand(runtime: RuntimeDir, verb: 'setup' | 'teardown'): Promise<string> {
  const begin = performance.now();
  const words = await fromAll(runtime, CALLS, `"$rnetns" ${verb} --id "$id" || echo "${verb} $id: status $?"`);
  console.log(`      ${CALLS} times ${verb}: ${((performance.now() - begin) / 1000).toFixed(2)} s`);
  return words;
}

interface Counted {
  refCount: number | null;
  references: { id: string; nets: number; pid: null }[] | null;
}

async function counted({ env }: RuntimeDir): Promise<Counted> {
  const { status, stdout, stderr } = await run(['status', '--json'], { env });
  expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Counted;
}

const ids = Array.from({ length: CALLS }, (_, i) => `container-${i}`).sort();

describe(`${CALLS} setups and teardowns from ${CALLERS} processes`, function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('of a namespace that is there only for them: each succeeds, the count is exact, nothing is left', async function () {
    const runtime = freshRuntimeDir(this);
    // It would linger after a command: after the last teardown it must not.
    runtime.configure('[rnetns]\nlinger = 60\n');
    expect(await thousand(runtime, 'setup')).to.equal('');
    const { refCount, references } = await counted(runtime);
    expect(refCount).to.equal(CALLS);
    expect(references?.map(({ id }) => id)).to.deep.equal(ids);
    expect(await thousand(runtime, 'teardown')).to.equal('');
    await gone(runtime);
  });

  it('of a namespace that a command holds: the same, and the command keeps it', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure('[rnetns]\nlinger = 0\n');
    const command = await startCommand(runtime);
    expect(await thousand(runtime, 'setup')).to.equal('');
    expect((await counted(runtime)).refCount).to.equal(CALLS);
    expect(await thousand(runtime, 'teardown')).to.equal('');
    const { refCount, references } = await counted(runtime);
    expect({ refCount, references }).to.deep.equal({ refCount: 0, references: [] });
    const { stdout } = await run(['run', '--', 'readlink', '/proc/self/ns/net'], { env: runtime.env });
    expect(stdout).to.equal(`net:[${command.netns}]\n`);
    await command.finish();
    await gone(runtime);
  });

  it('of ids that come and go, the namespace with them: none is lost while it is needed', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure('[rnetns]\nlinger = 0\n');
    const begin = performance.now();
    const script = `"$rnetns" setup --id "$id" || echo "setup $id: status $?"
      [ -s "$references/$id" ] || echo "$id is lost"
      "$rnetns" teardown --id "$id" || echo "teardown $id: status $?"
      ! [ -e "$references/$id" ] || echo "$id is still there"`;
    expect(await fromAll(runtime, 320, script)).to.equal('');
    console.log(`      320 times setup and teardown: ${((performance.now() - begin) / 1000).toFixed(2)} s`);
    await gone(runtime);
  });

  it('one that comes while the last one goes is not lost, however slowly that goes', async function () {
    requires(this, 'ptrace', 'strace');
    const runtime = freshRuntimeDir(this);
    runtime.configure('[rnetns]\nlinger = 0\n');
    const command = await startCommand(runtime);
    const call = (...args: string[]) => run(args, { env: runtime.env });
    expect((await call('setup', '--id', 'last')).status).to.equal(0);
    // rm -d reads the directory, and reads it again: what came in between it removed.
    const slowly = ['-e', 'inject=getdents64:delay_exit=400000', '-e', 'inject=unlinkat:delay_enter=100000'];
    const going = run(['-f', '-qq', '-o', '/dev/null', ...slowly, launcher, 'teardown', '--id', 'last'], {
      env: runtime.env,
      file: findProgram('strace') ?? '',
    });
    const references = join(runtime.stateDir(), 'references');
    await waitFor(() => !existsSync(join(references, 'last')), { intervalMs: 1, what: 'the end of the last one' });
    await sleep(50);
    expect((await call('setup', '--id', 'next')).status).to.equal(0);
    expect((await going).status).to.equal(0);
    expect((await counted(runtime)).references?.map(({ id }) => id)).to.deep.equal(['next']);
    expect((await call('teardown', '--id', 'next')).status).to.equal(0);
    await command.finish();
    await gone(runtime);
  });
});
