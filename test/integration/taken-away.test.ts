/** What a reference is written into may be taken away at any time, by the teardown of another: that is no full disk. */

import { expect } from 'chai';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { script } from '../fixtures/cni/plugins.js';
import { act, counted, down, lingering, startProcess, succeeded, up, type Outcome } from '../fixtures/references.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** `setup` whose `program` does `before` first, so many times. */
async function setUp(
  { env }: RuntimeDir,
  program: { name: 'mv' | 'mkdir' | 'flock'; times: number; before: string },
  ...args: string[]
): Promise<Outcome> {
  const bin = mkdtempSync('/tmp/rnetns-bin-');
  onTestEnd(() => rmSync(bin, { recursive: true }));
  writeFileSync(join(bin, 'left'), `${program.times}\n`);
  script(
    join(bin, program.name),
    `read -r left <${bin}/left
    if [ "$left" -gt 0 ]; then
      echo $((left - 1)) >${bin}/left
      ${program.before}
    fi
    exec /bin/${program.name} "$@"`,
  );
  const PATH = `${bin}:${env.PATH ?? process.env.PATH ?? ''}`;
  return act({ env: { ...env, PATH } }, 'setup', ...args);
}

describe('a reference whose directory others take away', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  for (const times of [1, 10]) {
    it(`${times} times while it is replaced is counted`, async function () {
      const runtime = lingering(this, 0);
      const owner = await startProcess();
      expect(await act(runtime, 'setup', '--id', 'web')).to.deep.equal(succeeded);
      const tied = join(runtime.stateDir(), 'tied');
      const taken = { name: 'mv', times, before: `rmdir ${tied}` } as const;
      expect(await setUp(runtime, taken, '--id', 'web', '--pid', String(owner.pid))).to.deep.equal(succeeded);
      expect(await counted(runtime)).to.deep.equal(up(['web 1']));
      expect(readdirSync(tied)).to.deep.equal(['web']);
      await owner.end();
      await gone(runtime);
    });
  }

  it('more often than it is made anew at once is counted', async function () {
    const runtime = lingering(this, 0);
    expect(await act(runtime, 'setup')).to.deep.equal(succeeded);
    expect(await setUp(runtime, { name: 'mkdir', times: 120, before: 'exit 1' }, '--id', 'web')).to.deep.equal(
      succeeded,
    );
    expect(await counted(runtime)).to.deep.equal(up(['web 1'], 1));
    for (const args of [['--id', 'web'], []]) expect(await act(runtime, 'teardown', ...args)).to.deep.equal(succeeded);
    await gone(runtime);
  });

  it('for good is refused at last, and not as a full disk', async function () {
    const runtime = lingering(this, 0);
    expect(await act(runtime, 'setup', '--id', 'web')).to.deep.equal(succeeded);
    const owner = await startProcess();
    const taken = { name: 'mv', times: 9999, before: `rmdir ${join(runtime.stateDir(), 'tied')}` } as const;
    const { status, stderr } = await setUp(runtime, taken, '--id', 'web', '--pid', String(owner.pid));
    expect({ status, stderr }).to.deep.equal({
      status: 125,
      stderr:
        'rnetns: counting a reference to the namespace default failed: ' +
        `cannot write in ${runtime.stateDir()}: others take away what is to be written, again and again\n`,
    });
    expect(await counted(runtime)).to.deep.equal(up(['web 1']));
    expect(readdirSync(runtime.stateDir()).filter((name) => name.startsWith('.'))).to.deep.equal([]);
    await owner.end();
    expect(await act(runtime, 'teardown', '--id', 'web')).to.deep.equal(succeeded);
    await gone(runtime);
  });

  it('together with its namespace is counted in the next one', async function () {
    const runtime = lingering(this, 0);
    expect(await act(runtime, 'setup', '--id', 'web')).to.deep.equal(succeeded);
    const owner = await startProcess();
    const taken = { name: 'flock', times: 1, before: `${launcher} stop --force` } as const;
    expect(await setUp(runtime, taken, '--id', 'web', '--pid', String(owner.pid))).to.deep.equal(succeeded);
    expect(await counted(runtime)).to.deep.equal(up(['web 1']));
    await owner.end();
    await gone(runtime);
  });
});

describe('a reference for which there is no space', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('is refused as that, by an id, replaced and without one, and counts nothing', async function () {
    const runtime = lingering(this, 0);
    const script = `
      mount -t tmpfs -o size=256k,mode=700 tmpfs "$XDG_RUNTIME_DIR" || exit 99
      "$1" setup --id first
      "$1" setup --nets 3
      cat /dev/zero >"$XDG_RUNTIME_DIR/mine" 2>/dev/null
      for act in 'setup --id second' 'setup --id first --nets 2' setup teardown; do
        "$1" $act
        echo "$act: $?" >&3
      done
      rm "$XDG_RUNTIME_DIR/mine"
      "$1" status --json >&3
      "$1" stop --force`;
    const own = ['--user', '--map-root-user', '--mount', 'sh', '-c', `exec 3>&1 >/dev/null; ${script}`, 'sh'];
    const { stdout, stderr } = await run([...own, launcher], { env: runtime.env, file: 'unshare', timeoutMs: 60_000 });
    const failed = ['setup --id second', 'setup --id first --nets 2', 'setup', 'teardown'].map(
      (act) => `${act}: 125\n`,
    );
    expect(stdout, stderr).to.satisfy((text: string) => text.startsWith(failed.join('')));
    const status = JSON.parse(stdout.slice(failed.join('').length)) as { refCount: number };
    expect(status.refCount).to.equal(4);
    const line =
      /^(rnetns: [^\n]*cannot write in \S+: (no space is left on its file system|No space left on device)\n)*$/;
    expect(stderr).to.match(line);
    expect(stderr.match(/\n/g)).to.have.lengthOf(4);
    expect(await counted(runtime)).to.deep.equal(down);
    expect(existsSync(runtime.stateDir())).to.be.false;
  });
});
