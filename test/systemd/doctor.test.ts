/** What doctor says of sessions where there are such: manager, linger and bus are asked, and nothing is changed. */

import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { logIn } from '../fixtures/booted-systemd.js';
import { reportOf } from '../fixtures/doctor.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';

const ENDS = 'all namespaces end some seconds after your last session';

describe('doctor in a session', function () {
  it("asks the user's systemd manager, and sees whether it lingers", async function () {
    requires(this, 'booted');
    const user = await logIn();
    const ask = async (): Promise<Record<string, string>> => {
      const { checks } = reportOf(
        await user.rnetns(['doctor', '--json', '--check', 'systemd', 'linger', 'session-bus']),
      );
      return Object.fromEntries(
        checks.map(({ id, status, detail }) => [id, status === 'ok' ? status : `${status}: ${detail}`]),
      );
    };
    // More than once: a signal that comes meanwhile is no answer.
    for (let time = 0; time < 5; time++) {
      expect(await ask()).to.deep.equal({ systemd: 'ok', linger: 'ok', 'session-bus': 'ok' });
    }
    const scopes = await user.run(['systemctl', '--user', 'list-units', '--all', '--no-legend', 'rnetns-*']);
    expect(scopes.stdout).to.equal('');

    const { end } = await user.session(['true']);
    const disabled = await run(['disable-linger', process.env.RNETNS_TEST_USER ?? ''], { file: 'loginctl' });
    expect(disabled.status, disabled.stderr).to.equal(0);
    expect(await ask()).to.deep.equal({ systemd: 'ok', linger: `warn: ${ENDS}`, 'session-bus': 'ok' });
    await end();
    expect(existsSync(join(user.dir, 'rnetns'))).to.be.false;
  });
});
