/** /bin/sh is another shell on other systems: dash on Debian, bash on Fedora and Arch, busybox's ash on Alpine. */

import { expect } from 'chai';
import { mkdtempSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../fixtures/processes.js';
import { findProgram, requires, type Program } from '../fixtures/requirements.js';
import { launcher, run, spawnRnetns, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import type { Status } from '../../src/inspect/status.js';

const SHELLS = ['dash', 'bash', 'busybox'] as const satisfies Program[];

/** The launcher as that shell would run it, with `sh` in PATH the same one. */
function under(shell: (typeof SHELLS)[number], runtime: RuntimeDir) {
  const bin = mkdtempSync(join(runtime.dir, '..', 'bin-'));
  const sh = join(bin, 'sh');
  symlinkSync(findProgram(shell) ?? shell, sh);
  const options = { env: { ...runtime.env, PATH: `${bin}:${process.env.PATH ?? ''}` }, file: sh };
  return {
    run: (...args: string[]): Promise<RunResult> => run([launcher, ...args], options),
    spawn: (...args: string[]) => spawnRnetns([launcher, ...args], options),
  };
}

/** It succeeded, without a word on stderr; its stdout. */
function said({ status, stdout, stderr }: RunResult): string {
  expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  return stdout.trim();
}

for (const shell of SHELLS) {
  describe(`with ${shell} as sh`, () => {
    it('commands run in one namespace, which is gone after the last one', async function () {
      requires(this, 'userns', 'tun', 'pasta', shell);
      const runtime = freshRuntimeDir(this);
      runtime.configure('[rnetns]\nlinger = 60\n');
      const rnetns = under(shell, runtime);
      const first = said(await rnetns.run('run', '--', 'readlink', '/proc/self/ns/net'));
      expect(said(await rnetns.run('run', '--', 'readlink', '/proc/self/ns/net'))).to.equal(first);
      expect((await rnetns.run('run', '--', 'sh', '-c', 'exit 7')).status).to.equal(7);
      said(await rnetns.run('stop'));
      expect(said(await rnetns.run('list'))).to.equal('no shared namespace');
    });

    it('a driver that was killed is replaced', async function () {
      requires(this, 'userns', 'tun', 'pasta', shell);
      const rnetns = under(shell, freshRuntimeDir(this));
      const sleeper = rnetns.spawn('run', '--', 'sleep', '60');
      const driver = async (): Promise<number | null | undefined> =>
        (JSON.parse(said(await rnetns.run('status', '--json'))) as Status).driver?.pid;
      await waitFor(async () => typeof (await driver()) === 'number', { what: 'a driver' });
      const before = Number(await driver());
      process.kill(before, 'SIGKILL');
      await waitFor(async () => ![before, 0, null, undefined].includes(await driver()), {
        what: 'another driver',
      });
      sleeper.child.kill();
      await sleeper.ended;
    });

    it('references hold the namespace, with and without a process', async function () {
      requires(this, 'userns', 'tun', 'pasta', shell);
      const rnetns = under(shell, freshRuntimeDir(this));
      const container = rnetns.spawn('unshare', '--', 'sleep', '60');
      await waitFor(async () => !said(await rnetns.run('list')).startsWith('no '), { what: 'it' });
      said(await rnetns.run('setup', '--id', 'web', '--', 'true'));
      said(await rnetns.run('setup', '--id', 'db', '--pid', String(container.pid)));
      said(await rnetns.run('setup', '--nets', '2'));
      const { references, refCount } = JSON.parse(said(await rnetns.run('status', '--json'))) as Status;
      expect([references?.map(({ id }) => id).sort(), refCount]).to.deep.equal([['db', 'web'], 4]);
      said(await rnetns.run('teardown', '--nets', '2'));
      said(await rnetns.run('teardown', '--id', 'web', '--', 'true'));
      container.child.kill();
      await container.ended;
      // What was tied to the process goes by itself.
      await waitFor(async () => said(await rnetns.run('list')).startsWith('no '), {
        what: 'its end',
      });
    });

    it('commands see the programs of PATH in a named namespace, and its own /sys', async function () {
      requires(this, 'userns', 'tun', 'pasta', 'ip', shell);
      const rnetns = under(shell, freshRuntimeDir(this));
      said(await rnetns.run('netns', 'add', 'blue'));
      expect(said(await rnetns.run('netns', 'exec', 'blue', 'ls', '/sys/class/net'))).to.equal('lo');
      // busybox's own ip knows no -json.
      const links = JSON.parse(said(await rnetns.run('netns', 'exec', 'blue', 'ip', '-json', 'link'))) as object[];
      expect(links).to.have.lengthOf(1);
      said(await rnetns.run('netns', 'delete', 'blue'));
    });

    it('doctor and ps look inside', async function () {
      requires(this, 'userns', 'tun', 'pasta', shell);
      const rnetns = under(shell, freshRuntimeDir(this));
      const { checks } = JSON.parse((await rnetns.run('doctor', '--json')).stdout) as {
        checks: { id: string; status: string }[];
      };
      expect(checks.filter(({ status }) => status === 'fail')).to.deep.equal([]);
      const sleeper = rnetns.spawn('run', '--', 'sleep', '60');
      await waitFor(async () => (await rnetns.run('ps')).stdout.includes('sleep 60'), {
        what: 'it',
      });
      sleeper.child.kill();
      await sleeper.ended;
    });
  });
}
