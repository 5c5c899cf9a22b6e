/** The package was moved or removed while a namespace is up: another copy of it sees what is left, and removes it. */

import { expect } from 'chai';
import { renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, partsOf, readParts, visibleLauncher } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

describe('an install that was moved while its namespace is up', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('is no loss: another one shows, mends, joins and stops the namespace', async function () {
    this.timeout(60_000);
    const runtime = freshRuntimeDir(this);
    const { env } = runtime;
    const file = visibleLauncher();
    const [old, moved] = [dirname(dirname(file)), `${dirname(dirname(file))}-moved`];
    expect((await run(['setup', '--id', 'web'], { env, file })).status).to.equal(0);
    renameSync(old, moved);
    onTestEnd(() => rmSync(moved, { recursive: true, force: true }));

    const { holder, driver } = partsOf(runtime);
    expect((await run(['status'], { env })).stdout).to.match(/^default: running .* 1 reference; /);
    expect((await run(['list'], { env })).stdout).to.match(/^default +running +pasta +1 reference$/m);
    await killNow(driver);
    await waitFor(() => ![undefined, driver].includes(readParts(runtime)?.driver), { what: 'another driver' });
    await killNow(holder);
    expect((await run(['status'], { env })).stdout).to.include('the holder is dead: rnetns repair');
    const { status, stderr } = await run(['run', '--', 'true'], { env });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect((await run(['status'], { env })).stdout).to.match(/^default: running .* 1 reference; /);
    expect((await run(['stop', '--force'], { env })).status).to.equal(0);
    await gone(runtime);
  });
});
