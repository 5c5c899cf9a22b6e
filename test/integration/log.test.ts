/** <state>/log: whoever writes it, its size has a limit. */

import { expect } from 'chai';
import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, partsOf, readParts, startCommand } from '../fixtures/shared-netns.js';

const LIMIT = 64 * 1024;

describe('the log of a namespace', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('has one limit for the driver and for what the supervisor does', async function () {
    const runtime = freshRuntimeDir(this);
    const { env } = runtime;
    const command = await startCommand(runtime);
    const log = join(runtime.stateDir(), 'log');
    const text = (): string => (existsSync(log) ? readFileSync(log, 'utf8') : '');
    // Each writes a line to a log that is full by then.
    const expectRotated = async (who: RegExp): Promise<void> => {
      await waitFor(() => who.test(text()) && statSync(log).size < LIMIT, {
        what: () => `a short log with a line of ${String(who)}: ${text().slice(-200)}`,
      });
      expect(statSync(`${log}.1`).size).to.be.below(2 * LIMIT);
    };
    // The one that is written, which has another name in the state directory.
    const fill = (): void =>
      appendFileSync(join(runtime.stateDir(), '../.outside/default/log'), `${'x'.repeat(LIMIT)}\n`);

    fill();
    const tied = await startCommand(runtime);
    expect((await run(['setup', '--id', 'a', '--pid', String(tied.pid)], { env })).status).to.equal(0);
    await tied.finish();
    await expectRotated(/Z supervisor: dropped the reference a/);

    fill();
    const { supervisor } = partsOf(runtime);
    await killNow(supervisor);
    await waitFor(() => (readParts(runtime)?.supervisor ?? supervisor) !== supervisor, { what: 'a supervisor' });
    await killNow(partsOf(runtime).keeper);
    await expectRotated(/Z supervisor: the keeper .* ended/);

    fill();
    // What a driver says, in very long lines.
    appendFileSync(join(runtime.stateDir(), '../.outside/default/driver.words'), `${'y'.repeat(50_000)}\n`);
    appendFileSync(join(runtime.stateDir(), '../.outside/default/driver.words'), `${'y'.repeat(50_000)}\n`.repeat(9));
    await waitFor(() => / supervisor: y+$/m.test(text()), { what: 'the words of a driver' });
    expect(statSync(log).size).to.be.below(3 * LIMIT);

    await run(['stop', '--force'], { env });
    await command.ended;
    await gone(runtime);
  });
});
