/** What `npm run stress` has found between `repair`, `stop` and those who need no lock, each on its own. */

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readOptional } from '../../src/state/files.js';
import { statusOf } from '../fixtures/netns-facts.js';
import { waitFor } from '../fixtures/processes.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, partsOf } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

function withoutLinger(context: Mocha.Context): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure('[rnetns]\nlinger = 0\n');
  return runtime;
}

describe('repair, beside others', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  async function succeed({ env }: RuntimeDir, ...args: string[]): Promise<void> {
    const { status, stderr } = await run(args, { env });
    expect({ status, stderr }, args.join(' ')).to.deep.equal({ status: 0, stderr: '' });
  }

  it('a reference that is torn down while it is read does not come back', async function () {
    requires(this, 'ptrace');
    const runtime = withoutLinger(this);
    await succeed(runtime, 'setup', '--id', 'stays');
    await succeed(runtime, 'setup', '--id', 'goes');
    // A `node` that looks at the file, and takes its time to open it.
    const base = dirname(runtime.dir);
    const file = join(runtime.stateDir(), 'references', 'goes');
    const strace = `${findProgram('strace') ?? ''} -qq -o ${base}/calls -P ${file} -e trace=/stat,openat`;
    const node = `${strace} -e inject=openat:delay_enter=2000000 ${process.execPath}`;
    writeFileSync(join(base, 'node'), `#!/bin/sh\nexec ${node} "$@"\n`, { mode: 0o755 });
    const env = { ...runtime.env, PATH: `${base}:${runtime.env.PATH ?? ''}` };
    const repairing = run(['repair', '--json'], { env });
    await waitFor(() => readOptional(join(base, 'calls'))?.includes('stat'), { what: 'repair to look' });
    await succeed(runtime, 'teardown', '--id', 'goes');
    const { status, stdout } = await repairing;
    expect({ status, ...JSON.parse(stdout) }).to.deep.equal({ status: 0, mended: [] });
    expect((await statusOf(runtime.env)).references?.map(({ id }) => id)).to.deep.equal(['stays']);
    await succeed(runtime, 'teardown', '--id', 'stays');
    await gone(runtime);
  });

  it('a namespace that comes and goes meanwhile is no error', async function () {
    const runtime = withoutLinger(this);
    const often = async (act: () => Promise<unknown>): Promise<void> => {
      for (let round = 0; round < 15; round += 1) await act();
    };
    await Promise.all([
      // Which may be ended by force.
      often(() => run(['run', '--', 'true'], { env: runtime.env })),
      ...[1, 2, 3].map(() => often(() => succeed(runtime, 'repair', '--json'))),
      often(() => succeed(runtime, 'stop', '--force')),
    ]);
    await gone(runtime);
  });

  it('a reference that goes with a process goes with it although what minds it was killed', async function () {
    const runtime = withoutLinger(this);
    const container = spawn('sleep', ['60'], { stdio: 'ignore' });
    onTestEnd(() => void container.kill('SIGKILL'));
    await succeed(runtime, 'setup', '--id', 'pod', '--pid', String(container.pid));
    const { supervisor } = partsOf(runtime);
    await killNow(supervisor);
    container.kill('SIGKILL');
    await gone(runtime);
  });
});
