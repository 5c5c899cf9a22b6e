/** What goes wrong while a namespace is made is named by its cause, which is made for real; and without one by nothing. */

import { expect } from 'chai';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectFinding, finding } from '../fixtures/doctor.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { onTestEnd } from '../fixtures/test-end.js';

const GUESSES = /chroot|pivot_root|memory|the kernel refuses/;

/** PATH in which a program does something else. */
function withProgram({ env }: RuntimeDir, name: string, text: string): NodeJS.ProcessEnv {
  const bin = mkdtempSync(join(tmpdir(), 'rnetns-causes-'));
  onTestEnd(() => rmSync(bin, { recursive: true }));
  chmodSync(bin, 0o755);
  writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return { ...env, PATH: `${bin}:${env.PATH ?? ''}` };
}

describe('the cause is named', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'unprivileged');
  });

  for (const [signal, number] of [
    ['KILL', 9],
    ['TERM', 15],
    ['SYS', 31],
  ] as const) {
    it(`unshare is ended by SIG${signal}: by nothing more than that`, async function () {
      const runtime = freshRuntimeDir(this);
      const env = withProgram(runtime, 'unshare', `kill -${number} $$`);
      const { status, stderr } = await run(['run', '--', 'true'], { env });
      expect(status).to.equal(125);
      expect(stderr).to.match(new RegExp(`^rnetns: cannot make a user namespace: was killed by SIG${signal}\\n$`));
      const found = await finding('user-namespace', env);
      expect(found.detail).to.not.match(GUESSES);
      // As the shell calls it.
      expectFinding(found, 'fail', /^(Killed|Terminated|Bad system call)$/);
    });

    it(`newuidmap is ended by SIG${signal}: a warning that says so, and the caller alone in the map`, async function () {
      requires(this, 'subids');
      const runtime = freshRuntimeDir(this);
      const env = withProgram(runtime, 'newuidmap', `kill -${number} $$`);
      const { status, stdout, stderr } = await run(['run', '--', 'id', '-u'], { env });
      expect({ status, stdout }).to.deep.equal({ status: 0, stdout: '0\n' });
      expect(stderr)
        .to.match(new RegExp(`newuidmap failed.*was killed by SIG${signal}\\n$`))
        .and.not.match(GUESSES);
      expect((await run(['stop'], { env })).status).to.equal(0);
    });
  }

  for (const status of [3, 128, 137, 255]) {
    it(`unshare and newuidmap end with status ${status}: by nothing more than that`, async function () {
      requires(this, 'subids');
      const runtime = freshRuntimeDir(this);
      const made = await run(['run', '--', 'true'], { env: withProgram(runtime, 'unshare', `exit ${status}`) });
      expect(made.status).to.equal(125);
      expect(made.stderr).to.match(
        new RegExp(`^rnetns: cannot make a user namespace: exited with status ${status}\\n$`),
      );
      const env = withProgram(runtime, 'newuidmap', `exit ${status}`);
      const mapped = await run(['run', '--', 'true'], { env });
      expect(mapped.status).to.equal(0);
      expect(mapped.stderr).to.match(new RegExp(`newuidmap failed.*exited with status ${status}\\n$`));
      expect((await run(['stop'], { env })).status).to.equal(0);
    });
  }

  it('a loopback interface that can not be brought up', async function () {
    const runtime = freshRuntimeDir(this);
    // A driver that leaves it to us.
    runtime.configure('[network]\ndefault_rootless_network_cmd = none\n');
    const env = withProgram(runtime, 'ip', 'echo no luck >&2; exit 1');
    const { status, stderr } = await run(['run', '--', 'true'], { env });
    expect({ status, stderr }).to.deep.equal({
      status: 125,
      stderr: `rnetns: cannot make the network namespace of ${runtime.stateDir()}: no luck\n`,
    });
  });

  it('a limit of processes', async function () {
    const { env } = freshRuntimeDir(this);
    const result = await run(['--nproc=1', launcher, 'run', '--', 'true'], { env, file: 'prlimit' });
    expect(result.status).to.equal(125);
    expect(result.stderr).to.match(/^rnetns: .*limit on processes.*\nhint: .*ulimit -u.*TasksMax=.*\n$/);
  });

  for (const limit of [16, 24, 40, 60]) {
    it(`a limit of ${limit} open files`, async function () {
      const { env } = freshRuntimeDir(this);
      const result = await run([`--nofile=${limit}`, launcher, 'run', '--', 'true'], { env, file: 'prlimit' });
      // How many Node needs depends on how it was built.
      if (limit >= 40 && result.status === 0) return;
      expect(result.status).to.equal(125);
      expect(result.stderr)
        .to.match(new RegExp(`^rnetns: [^\\n]*${limit} (open files|files may be open)[^\\n]*\\nhint: [^\\n]+\\n$`))
        .and.match(/hint: .*(ulimit -n|ulimit).*(LimitNOFILE=|Limit…=)/);
    });
  }
});
