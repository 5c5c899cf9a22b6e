/** The package was moved or removed while a namespace is up: another copy of it names what is left, and removes it. */

import { expect } from 'chai';
import { renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { alive, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, partsOf, readParts, visibleLauncher } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** What `doctor` says of it; its look at leftovers takes two moments. */
async function leftovers({ env }: RuntimeDir): Promise<{ status: string; detail: string; hint: string | null }> {
  const { stdout } = await run(['doctor', '--check', 'leftovers', '--json'], { env });
  const { checks } = JSON.parse(stdout) as { checks: [{ status: string; detail: string; hint: string | null }] };
  return checks[0];
}

describe('an install that was moved while its namespace is up', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('is no loss: another one shows, mends, joins and stops the namespace', async function () {
    const runtime = freshRuntimeDir(this);
    const { env } = runtime;
    const file = visibleLauncher();
    const [old, moved] = [dirname(dirname(file)), `${dirname(dirname(file))}-moved`];
    expect((await run(['setup', '--id', 'web'], { env, file })).status).to.equal(0);
    expect(await leftovers(runtime)).to.include({ status: 'ok', detail: 'none' });
    renameSync(old, moved);
    onTestEnd(() => rmSync(moved, { recursive: true, force: true }));

    const { guard, supervisor, keeper, driver } = partsOf(runtime);
    const left = await leftovers(runtime);
    expect(left.status).to.equal('warn');
    expect(left.detail).to.contain(` of an rnetns in ${old}, which was moved or removed`);
    for (const part of [`supervisor (pid ${supervisor})`, `keeper (pid ${keeper})`]) {
      expect(left.detail).to.contain(part);
    }
    expect(left.hint).to.match(/^rnetns stop --name default, once nobody uses it/);
    expect((await run(['status'], { env })).stdout).to.match(/^default: running .* 1 reference; /);
    expect((await run(['list'], { env })).stdout).to.match(/^default +running +pasta +1 reference$/m);
    await killNow(driver);
    await waitFor(() => ![undefined, driver].includes(readParts(runtime)?.driver), { what: 'another driver' });
    // The guard can't read its script any more.
    await killNow(supervisor);
    await waitFor(() => !alive(guard), { what: 'the guard to have tried' });
    expect((await run(['status'], { env })).stdout).to.include('the supervisor is dead: rnetns repair');
    const { status, stderr } = await run(['run', '--', 'true'], { env });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect((await run(['status'], { env })).stdout).to.match(/^default: running .* 1 reference; /);
    // Two of them are the new one's by now.
    const { detail } = await leftovers(runtime);
    expect(detail)
      .to.contain(`keeper (pid ${keeper})`)
      .and.not.match(/supervisor \(pid/);
    expect((await run(['stop', '--force'], { env })).status).to.equal(0);
    await gone(runtime);
    expect(await leftovers(runtime)).to.include({ status: 'ok', detail: 'none' });
  });
});
