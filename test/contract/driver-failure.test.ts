/** A driver that fails or hangs takes nothing with it and leaves nothing. The drivers that do so are real executables. */

import { expect } from 'chai';
import { chmodSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requires } from '../fixtures/requirements.js';
import { PLAIN_SHELL, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** A directory for programs, outside of the runtime directory; gone when the test ends. */
function binDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rnetns-bin-'));
  onTestEnd(() => rmSync(dir, { recursive: true }));
  return dir;
}

function script(dir: string, name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('a driver that', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'slirp4netns');
  });

  for (const driver of ['pasta', 'slirp4netns'] as const) {
    const chosen = `[network]\ndefault_rootless_network_cmd = ${driver}\n`;

    for (const [how, engine] of [
      [
        'helper_binaries_dir',
        () => {
          const dir = binDir();
          symlinkSync('/usr/bin/false', join(dir, driver));
          return `helper_binaries_dir[] = ${dir}`;
        },
      ],
      ['network_cmd_path', () => 'network_cmd_path = /usr/bin/false'],
    ] as const) {
      it(`is /usr/bin/false by ${how} instead of ${driver} is named with its status, and nothing is left`, async function () {
        const { env, configure, stateDir } = freshRuntimeDir(this);
        configure(`${chosen}[engine]\n${engine()}\n`);
        const { status, stdout, stderr } = await run(['run', '--', 'echo', 'ran'], { env });
        expect({ status, stdout }).to.deep.equal({ status: 125, stdout: '' });
        expect(stderr)
          .to.match(new RegExp(`^rnetns: .*${driver}.*status 1\\b`, 'm'))
          .and.match(/^hint: /m);
        expect(existsSync(stateDir())).to.be.false;

        configure(chosen);
        const next = await run(['run', '--', 'echo', 'ran'], { env });
        expect({ status: next.status, stdout: next.stdout, stderr: next.stderr }).to.deep.equal({
          status: 0,
          stdout: 'ran\n',
          stderr: '',
        });
      });
    }

    it(`ends with its own words in place of ${driver} has them in the error`, async function () {
      const { env, configure, stateDir } = freshRuntimeDir(this);
      const fake = script(
        binDir(),
        driver,
        `case $1 in --help) exec /usr/bin/${driver} --help ;; esac\necho first >&2\necho 'the moon is full' >&2\nexit 42`,
      );
      configure(`${chosen}[engine]\nnetwork_cmd_path = ${fake}\n`);
      const { status, stderr } = await run(['run', '--', 'true'], { env });
      expect(status).to.equal(125);
      expect(stderr).to.match(new RegExp(`^rnetns: .*${driver} \\(${fake}\\).*status 42.*the moon is full`));
      expect(existsSync(stateDir())).to.be.false;
    });

    it(`is killed while it starts in place of ${driver} is an error`, async function () {
      const { env, configure, stateDir } = freshRuntimeDir(this);
      const fake = script(binDir(), driver, `case $1 in --help) exec /usr/bin/${driver} --help ;; esac\nkill -KILL $$`);
      configure(`${chosen}[engine]\nnetwork_cmd_path = ${fake}\n`);
      const { status, stderr } = await run(['run', '--', 'true'], { env });
      expect(status).to.equal(125);
      expect(stderr).to.match(new RegExp(`^rnetns: .*${driver}.*(137|KILL)`));
      expect(existsSync(stateDir())).to.be.false;
    });

    for (const [when, text] of [
      ['at once', 'exec sleep 1000'],
      ['when it starts', `case $1 in --help) exec /usr/bin/${driver} --help ;; esac\nexec sleep 1000`],
    ] as const) {
      it(`hangs ${when} in place of ${driver} is an error within 10 s, and nothing is left`, async function () {
        this.slow(20_000);
        const { env, configure, stateDir } = freshRuntimeDir(this);
        const fake = script(binDir(), driver, text);
        configure(`${chosen}[engine]\nnetwork_cmd_path = ${fake}\n`);
        const { status, stderr, durationMs } = await run(['run', '--', 'true'], { env });
        expect(status, stderr).to.equal(125);
        expect(stderr).to.match(new RegExp(`^rnetns: .*${driver}.*\\d+ s\\b`));
        // Once: a second try would end after 20 s.
        expect(durationMs).to.be.below(19_000);
        expect(existsSync(stateDir())).to.be.false;
      });
    }
  }

  it('is not installed is an error that names both and tells what to install', async function () {
    const { env, stateDir } = freshRuntimeDir(this);
    const dir = binDir();
    // A PATH with everything but the two: searched are also /usr/sbin and /sbin, where neither is.
    const link =
      'for p in /usr/bin/*; do case $p in */pasta* | */passt* | */slirp4netns) ;; *) echo "$p" ;; esac; done';
    const { stdout } = await run(['-c', `${link} | xargs ln -st "$1"`, 'sh', dir], { file: PLAIN_SHELL });
    expect(stdout).to.equal('');
    const { status, stderr } = await run(['run', '--', 'true'], { env: { ...env, PATH: dir } });
    expect(status).to.equal(125);
    expect(stderr).to.match(/^rnetns: .*neither pasta nor slirp4netns.*\nhint: .*passt/);
    expect(existsSync(stateDir())).to.be.false;
  });

  it('is a network_cmd_path that is not there is named, with a hint', async function () {
    const { env, configure, stateDir } = freshRuntimeDir(this);
    configure('[engine]\nnetwork_cmd_path = /nonexistent/pasta\n');
    const { status, stderr } = await run(['run', '--', 'true'], { env });
    expect(status).to.equal(125);
    expect(stderr).to.match(/^rnetns: .*\/nonexistent\/pasta.*\nhint: /);
    expect(existsSync(stateDir())).to.be.false;
  });
});
