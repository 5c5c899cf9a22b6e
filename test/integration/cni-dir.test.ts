/** With network_backend = cni, /var/lib/cni is writable inside, hides nothing, and the host's stays as it is. */

import { expect } from 'chai';
import { requires } from '../fixtures/requirements.js';
import { privateHost } from '../fixtures/private-host.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';

const SNAPSHOT = "find /var/lib -maxdepth 3 -xdev -printf '%p %y %m %i %T@ %l\\n' 2>/dev/null | sort";
const LIST = 'cd /var/lib && ls -A | grep -vx cni | sort';

describe('network_backend = cni', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  for (const [what, setup] of [
    [
      'without /var/lib/cni on the host',
      'cover /var/lib; rm -f /var/lib/cni; mkdir /var/lib/other; echo o >/var/lib/other/file',
    ],
    [
      'with /var/lib/cni on the host',
      'cover /var/lib; rm -f /var/lib/cni; mkdir -p /var/lib/cni/networks /var/lib/other; echo o >/var/lib/other/file; echo h >/var/lib/cni/host',
    ],
  ] as const) {
    it(`${what}: it is writable inside, all of /var/lib is there, and the host's is untouched`, async function () {
      const runtime = freshRuntimeDir(this);
      runtime.configure('[network]\nnetwork_backend = cni\n[rnetns]\nlinger = 10\n');
      const host = await privateHost(runtime, setup);
      const before = await host.sh(SNAPSHOT);
      const listed = await host.sh(LIST);

      const script = `set -e
        mkdir -p /var/lib/cni/networks/lab
        echo 10.0.0.2 >/var/lib/cni/networks/lab/last
        mv /var/lib/cni/networks/lab /var/lib/cni/networks/moved
        rm -f /var/lib/cni/gone
        cat /var/lib/cni/networks/moved/last /var/lib/other/file
        ${LIST}`;
      const first = await host.run(['run', '--', 'sh', '-c', script]);
      expect({ status: first.status, stderr: first.stderr }).to.deep.equal({ status: 0, stderr: '' });
      expect(first.stdout).to.equal(`10.0.0.2\no\n${listed}`);
      // The next command of the same namespace finds what the first one left: allocated addresses, say.
      const next = await host.run(['run', '--', 'cat', '/var/lib/cni/networks/moved/last']);
      expect(next.stdout).to.equal('10.0.0.2\n');
      expect(await host.sh(SNAPSHOT)).to.equal(before);

      const stopped = await host.run(['stop']);
      expect({ status: stopped.status, stderr: stopped.stderr }).to.deep.equal({ status: 0, stderr: '' });
      expect(await host.sh(SNAPSHOT)).to.equal(before);
    });
  }

  it('on this very host, as it is', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure('[network]\nnetwork_backend = cni\n');
    const outside = await run(['-c', LIST], { env: runtime.env, file: '/bin/sh' });
    const script = `echo x >/var/lib/cni/x && cat /var/lib/cni/x && ${LIST}`;
    const { stdout, stderr } = await run(['run', '--', 'sh', '-c', script], { env: runtime.env });
    expect({ stdout, stderr }).to.deep.equal({ stdout: `x\n${outside.stdout}`, stderr: '' });
    const after = await run(['-c', LIST], { env: runtime.env, file: '/bin/sh' });
    expect(after.stdout).to.equal(outside.stdout);
  });

  it('is not the default: /var/lib is then the host’s', async function () {
    const { env } = freshRuntimeDir(this);
    const inside = await run(
      ['run', '--', 'sh', '-c', '[ -w /var/lib ] || echo not writable; grep /var/lib /proc/self/mountinfo'],
      { env },
    );
    const outside = await run(['-c', 'grep /var/lib /proc/self/mountinfo'], { env, file: '/bin/sh' });
    expect(inside.stdout.split('\n').filter((line) => line.includes('/var/lib'))).to.have.lengthOf(
      outside.stdout.split('\n').filter((line) => line !== '').length,
    );
  });
});
