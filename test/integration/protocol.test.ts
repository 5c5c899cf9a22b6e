/** The programs in docs/protocol.md, run as they stand there: other runtimes copy them. */

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { alive, waitFor } from '../fixtures/processes.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { launcher, projectRoot, run, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, netnsOfNewRun, partsOf, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** Each block of code whose first comment names it, by that name. */
function programs(): Map<string, string> {
  const text = readFileSync(join(projectRoot, 'docs/protocol.md'), 'utf8');
  const blocks = [...text.matchAll(/^```(?:sh|python)\n([^]*?)^```$/gm)].map(([, code = '']) => code);
  return new Map(blocks.map((code) => [/^(?:# |""")([a-z]+\.(?:sh|py)) /m.exec(code)?.[1] ?? '', code]));
}

interface Participant {
  runtime: RuntimeDir;
  /** Run one of the programs to its end. */
  call: (program: string, ...args: string[]) => Promise<RunResult>;
  /** The same where rnetns can't be found. */
  callAlone: (program: string, ...args: string[]) => Promise<RunResult>;
  /** A lease of join.py, until it is let go; undefined when it found no namespace. */
  lease: () => Promise<{ release: () => Promise<void> } | undefined>;
}

function participant(context: Mocha.Context): Participant {
  const runtime = freshRuntimeDir(context);
  runtime.configure('[rnetns]\nlinger = 0\n');
  const dir = mkdtempSync('/tmp/rnetns-protocol-');
  onTestEnd(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, code] of programs()) writeFileSync(join(dir, name), code);
  const env = { ...runtime.env, PATH: `${join(launcher, '..')}:${runtime.env.PATH ?? ''}` };
  const command = (program: string): [string, string] => [
    program.endsWith('.py') ? (findProgram('python3') ?? 'python3') : 'sh',
    join(dir, program),
  ];
  return {
    runtime,
    call(program, ...args) {
      const [file, path] = command(program);
      return run([path, ...args], { env, file });
    },
    callAlone(program, ...args) {
      const [file, path] = command(program);
      return run([path, ...args], { env: { ...env, PATH: '/usr/bin:/bin' }, file });
    },
    async lease() {
      const [file, path] = command('join.py');
      const child = spawn(file, [path, 'lease'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
      onTestEnd(() => void child.kill('SIGKILL'));
      const ended = once(child, 'exit');
      const first = await Promise.race([once(child.stdout, 'data'), ended.then(() => undefined)]);
      if (first === undefined) return undefined;
      return {
        async release() {
          child.stdin.end();
          await ended;
        },
      };
    },
  };
}

const outcome = ({ status, stdout, stderr }: RunResult): Pick<RunResult, 'status' | 'stdout' | 'stderr'> => ({
  status,
  stdout,
  stderr,
});
const silent = { status: 0, stdout: '', stderr: '' };
const WHERE = ['readlink', '/proc/self/ns/net'];

async function references({ env }: RuntimeDir): Promise<{ refCount: number | null; ids: string[] }> {
  const { stdout } = await run(['status', '--json'], { env });
  const status = JSON.parse(stdout) as { refCount: number | null; references: { id: string }[] | null };
  return { refCount: status.refCount, ids: (status.references ?? []).map(({ id }) => id) };
}

describe('docs/protocol.md', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'python3');
  });

  it('has the programs that it speaks of, and they are clean', async function () {
    expect([...programs().keys()]).to.deep.equal(['run.sh', 'join.py', 'lock.py']);
    requires(this, 'shellcheck');
    const checked = await run(['-s', 'dash', '-S', 'warning', '-'], {
      file: 'shellcheck',
      input: programs().get('run.sh') ?? '',
    });
    expect(outcome(checked)).to.deep.equal(silent);
  });

  for (const [program, ...verb] of [['run.sh'], ['join.py', 'run']] as const) {
    it(`${program} runs a command inside, without rnetns, and makes the namespace with it`, async function () {
      const { runtime, call, callAlone } = participant(this);
      const made = await call(program, ...verb, 'sh', '-c', 'echo "$1"; exit 42', 'sh', 'two  words');
      expect(outcome(made), 'cold').to.deep.equal({ status: 42, stdout: 'two  words\n', stderr: '' });
      await gone(runtime);
      const command = await startCommand(runtime);
      const warm = await callAlone(program, ...verb, ...WHERE);
      expect(outcome(warm), 'warm').to.deep.equal({ ...silent, stdout: `net:[${command.netns}]\n` });
      const own = await call(program, ...verb, 'sh', '-c', 'mount -t tmpfs tmpfs /mnt');
      expect(outcome(own)).to.deep.equal(silent);
      const { stdout } = await run(['run', '--', 'grep', '-c', ' /mnt ', '/proc/self/mountinfo'], { env: runtime.env });
      expect(stdout, 'mounts of others').to.equal('0\n');
      await command.finish();
      await gone(runtime);
    });
  }

  it('a lease of join.py keeps the namespace, though nothing runs in it, and lets it go', async function () {
    const { runtime, lease } = participant(this);
    const command = await startCommand(runtime);
    const held = await lease();
    expect(held).to.not.equal(undefined);
    await command.finish();
    // The supervisor looks once a second.
    await sleep(2500);
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    await held?.release();
    await gone(runtime);
  });

  it('a lease taken while the last command ends is good, or is none', async function () {
    const { runtime, lease } = participant(this);
    let good = 0;
    for (let round = 0; round < 25; round += 1) {
      const command = await startCommand(runtime);
      const { supervisor } = partsOf(runtime);
      // Python comes to the point after some tens of milliseconds: before, at, and after the command's end.
      const [held] = await Promise.all([sleep(round * 3).then(lease), sleep(50).then(() => command.finish())]);
      if (held !== undefined) {
        good += 1;
        await sleep(100);
        expect(alive(supervisor), `round ${round}: the supervisor lives`).to.be.true;
        expect(await netnsOfNewRun(runtime), `round ${round}`).to.equal(command.netns);
        await held.release();
      }
      await gone(runtime);
    }
    console.log(`      ${good} of 25 came in time`);
  });

  it('commands of run.sh, join.py and rnetns, each the first and the last, all succeed', async function () {
    const { runtime, call } = participant(this);
    const worker = async (act: () => Promise<RunResult>): Promise<void> => {
      for (let round = 0; round < 12; round += 1) {
        const result = await act();
        expect(outcome(result)).to.deep.equal({ ...silent, stdout: result.stdout });
        expect(result.stdout).to.match(/^net:\[\d+\]\n$/);
      }
    };
    await Promise.all([
      worker(() => call('run.sh', ...WHERE)),
      worker(() => call('join.py', 'run', ...WHERE)),
      worker(() => run(['run', '--', ...WHERE], { env: runtime.env })),
    ]);
    await gone(runtime);
  });

  it('references of join.py and of rnetns count alike, and either drops what the other made', async function () {
    const { runtime, call } = participant(this);
    const { env } = runtime;
    const netns = await startCommand(runtime).then(async (command) => {
      expect(outcome(await call('join.py', 'setup', 'first'))).to.deep.equal(silent);
      await command.finish();
      return command.netns;
    });
    await sleep(2500);
    expect(await netnsOfNewRun(runtime), 'held by the reference').to.equal(netns);
    const ids = Array.from({ length: 20 }, (_, i) => `id-${String(i).padStart(2, '0')}`);
    const setUp = ids.map((id, i) => (i % 2 ? call('join.py', 'setup', id) : run(['setup', '--id', id], { env })));
    for (const result of await Promise.all(setUp)) expect(outcome(result)).to.deep.equal(silent);
    // Once more, by the other one.
    const again = ids.map((id, i) => (i % 2 ? run(['setup', '--id', id], { env }) : call('join.py', 'setup', id)));
    for (const result of await Promise.all(again)) expect(outcome(result)).to.deep.equal(silent);
    expect(await references(runtime)).to.deep.equal({ refCount: 21, ids: ['first', ...ids] });
    const down = ids.map((id, i) => (i % 2 ? run(['teardown', '--id', id], { env }) : call('join.py', 'teardown', id)));
    for (const result of await Promise.all(down)) expect(outcome(result)).to.deep.equal(silent);
    expect(await references(runtime)).to.deep.equal({ refCount: 1, ids: ['first'] });
    expect(await netnsOfNewRun(runtime)).to.equal(netns);
    expect(outcome(await call('join.py', 'teardown', 'first'))).to.deep.equal(silent);
    await gone(runtime);
  });

  it('setup of join.py makes a namespace where there is none, through rnetns', async function () {
    const { runtime, call } = participant(this);
    expect(outcome(await call('join.py', 'setup', 'first'))).to.deep.equal(silent);
    expect(readdirSync(join(runtime.stateDir(), 'references'))).to.deep.equal(['first']);
    expect(outcome(await run(['teardown', '--id', 'first'], { env: runtime.env }))).to.deep.equal(silent);
    await gone(runtime);
  });

  it('lock.py and rnetns lock exclude each other', async function () {
    const { runtime, call } = participant(this);
    const { env } = runtime;
    const command = await startCommand(runtime);
    const script = `cd ${JSON.stringify(runtime.dir)} && mkdir in && sleep 0.02 && rmdir in`;
    const contenders = Array.from({ length: 16 }, (_, i) =>
      i % 2 ? call('lock.py', 'sh', '-c', script) : run(['lock', '--', 'sh', '-c', script], { env }),
    );
    for (const result of await Promise.all(contenders)) expect(outcome(result)).to.deep.equal(silent);

    const mark = join(runtime.dir, 'locked');
    const holding = call('lock.py', 'sh', '-c', `: >${JSON.stringify(mark)}; exec sleep 2`);
    await waitFor(() => existsSync(mark), { what: 'lock.py to have the lock' });
    const refused = await run(['setup'], { env: { ...env, RNETNS_LOCK_SECONDS: '1' } });
    expect(refused.status).to.equal(125);
    expect(refused.stderr).to.match(/^rnetns: locking .* failed: another process kept it for 1 s/);
    expect(outcome(await holding)).to.deep.equal(silent);
    rmSync(mark);
    await command.finish();
    await gone(runtime);
  });
});
