/** `run` ends as its command ends, and says so in its own words when there was no command. */

import { expect } from 'chai';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requires } from '../fixtures/requirements.js';
import { launcher, run, spawnRnetns } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { printed } from '../fixtures/netns-facts.js';
import { onTestEnd } from '../fixtures/test-end.js';

function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rnetns-exit-'));
  onTestEnd(() => rmSync(dir, { recursive: true }));
  return dir;
}

describe('run: how it ends', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('with the status of the command, cold and warm', async function () {
    const { env } = freshRuntimeDir(this);
    for (const wanted of [0, 1, 42, 125, 126, 127, 255]) {
      const { status, signal, stderr } = await run(['run', '--', 'sh', '-c', `exit ${wanted}`], { env });
      expect({ status, signal, stderr }).to.deep.equal({ status: wanted, signal: null, stderr: '' });
    }
  });

  for (const signal of ['TERM', 'KILL', 'INT', 'HUP'] as const) {
    it(`by SIG${signal} when the command does, which a shell calls 128+n`, async function () {
      const { env } = freshRuntimeDir(this);
      const ended = await run(['run', '--', 'sh', '-c', `kill -${signal} $$`], { env });
      expect(ended.signal).to.equal(`SIG${signal}`);
      const number = { TERM: 15, KILL: 9, INT: 2, HUP: 1 }[signal];
      const { stdout } = await run(
        ['-c', '"$@"; echo "status $?"', 'bash', launcher, 'run', '--', 'sh', '-c', `kill -${signal} $$`],
        { env, file: 'bash' },
      );
      expect(stdout).to.equal(`status ${128 + number}\n`);
    });
  }

  it('SIGTERM to the launcher is SIGTERM to the command', async function () {
    const { env } = freshRuntimeDir(this);
    const inside = spawnRnetns(
      ['run', '--', 'sh', '-c', 'trap "echo got it; exit 7" TERM; echo up; while :; do sleep 0.05; done'],
      {
        env,
      },
    );
    await printed(inside, 'up\n');
    process.kill(inside.pid, 'SIGTERM');
    expect(await inside.ended).to.deep.equal({ status: 7, signal: null });
    expect(inside.stdout()).to.equal('up\ngot it\n');
  });

  it('127 and a line for a command that is not there, and nothing is made for it', async function () {
    const { env, stateDir } = freshRuntimeDir(this);
    for (const command of ['no-such-command-7', '/no/such/command', './no-such-command-7']) {
      const { status, stdout, stderr } = await run(['run', '--', command, 'x'], { env });
      expect({ status, stdout }).to.deep.equal({ status: 127, stdout: '' });
      expect(stderr)
        .to.match(/^rnetns: .*\n$/)
        .and.include(command);
    }
    expect(existsSync(stateDir())).to.be.false;
  });

  it('126 and a line for a command that cannot be run', async function () {
    const { env, stateDir } = freshRuntimeDir(this);
    const file = join(tempDir(), 'not executable');
    writeFileSync(file, '#!/bin/sh\n', { mode: 0o644 });
    for (const command of [file, tmpdir()]) {
      const { status, stdout, stderr } = await run(['run', '--', command], { env });
      expect({ status, stdout }).to.deep.equal({ status: 126, stdout: '' });
      expect(stderr)
        .to.match(/^rnetns: .*\n$/)
        .and.include(command);
    }
    expect(existsSync(stateDir())).to.be.false;
  });

  it('126 or 127 for a program whose interpreter is not there, as from a shell', async function () {
    const { env } = freshRuntimeDir(this);
    const file = join(tempDir(), 'script');
    writeFileSync(file, '#!/no/such/interpreter\n');
    chmodSync(file, 0o755);
    const { status, stderr } = await run(['run', '--', file], { env });
    expect(status).to.be.oneOf([126, 127]);
    expect(stderr).to.include(file);
  });

  it('127 for a command whose file in /run is not there inside', async function () {
    const { env } = freshRuntimeDir(this);
    const { status, stderr } = await run(['run', '--', '/run/no-such-command'], { env });
    expect(status).to.equal(127);
    expect(stderr).to.include('/run/no-such-command');
  });

  it('the first command that fails leaves the namespace to others', async function () {
    const { env, configure } = freshRuntimeDir(this);
    configure('[rnetns]\nlinger = 20\n');
    await run(['run', '--', 'false'], { env });
    const first = await run(['run', '--', 'readlink', '/proc/self/ns/net'], { env });
    const second = await run(['run', '--', 'readlink', '/proc/self/ns/net'], { env });
    expect(first.stdout).to.match(/^net:/).and.equal(second.stdout);
  });
});
