/** Two runtime directories with the same path, in two mount namespaces, as a unit with PrivateTmp= has: two namespaces. */

import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { privateHost } from '../fixtures/private-host.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';

interface Status {
  state: string;
  supervisor: { pid: number };
  driver: { pid: number };
}

describe('a runtime directory of the same path elsewhere', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('holds a namespace of its own, which nothing here touches', async function () {
    const runtime = freshRuntimeDir(this);
    const host = await privateHost(runtime, 'mount -t tmpfs tmpfs "$XDG_RUNTIME_DIR"');
    const options = { env: runtime.env };
    const status = async () => JSON.parse((await host.run(['status', '--json'])).stdout) as Status;

    expect(await host.run(['setup', '--id', 'there'])).to.include({ status: 0, stderr: '' });
    const before = await status();
    expect(await run(['run', '--', 'true'], options)).to.include({ status: 0, stderr: '' });
    const { stdout } = await run(['doctor', '--check', 'leftovers'], options);
    expect(stdout).to.match(/leftovers +none/);
    expect(await run(['stop', '--force'], options)).to.include({ status: 0 });
    expect(existsSync(runtime.stateDir())).to.equal(false);

    const { state, supervisor, driver } = await status();
    expect({ state, supervisor, driver: driver.pid }).to.deep.equal({
      state: 'running',
      supervisor: before.supervisor,
      driver: before.driver.pid,
    });
  });
});
