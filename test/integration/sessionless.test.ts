/** What README and docs have to be typed works without a session too: no XDG_RUNTIME_DIR and no /run/user/UID. */

import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { requires } from '../fixtures/requirements.js';
import { projectRoot, run } from '../fixtures/rnetns.js';

/**
 * Hides the session's directory, and the subordinate ids that a user namespace like this one doesn't have; gives up the
 * capabilities that this took, and then it is a user like any other.
 */
const SESSIONLESS = `set -eu
[ ! -d /run/user ] || mount -t tmpfs tmpfs /run/user
for file in /etc/subuid /etc/subgid; do [ ! -e "$file" ] || mount --bind /dev/null "$file"; done
exec setpriv --ambient-caps=-all --inh-caps=-all -- "$@"`;

describe('without a session', function () {
  for (const file of ['readme', 'protocol', 'networks-doc', 'examples']) {
    it(`all of ${file}.test.ts`, async function () {
      this.timeout(300_000);
      requires(this, 'userns', 'unprivileged');
      const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
      // Of the tests' user, who isn't alone on the machine.
      if (existsSync(`/tmp/rnetns-${uid}`)) this.skip();
      const env: NodeJS.ProcessEnv = { ...process.env, RNETNS_TEST_SESSIONLESS: '1' };
      delete env.XDG_RUNTIME_DIR;
      // The same ids inside as outside, by which /run/user/UID and /tmp/rnetns-UID are named.
      const namespaces = ['--user', `--map-user=${uid}`, `--map-group=${gid}`, '--keep-caps', '--mount'];
      const mocha = ['--enable-source-maps', 'node_modules/mocha/bin/mocha.js', '--reporter', 'dot'];
      const { status, stdout, stderr } = await run(
        [
          ...[...namespaces, '--', 'sh', '-c', SESSIONLESS, 'sh', process.execPath, ...mocha],
          join(import.meta.dirname, `${file}.test.js`),
        ],
        { env, file: 'unshare', cwd: projectRoot, timeoutMs: 280_000 },
      );
      expect(status, `${stdout}${stderr}`).to.equal(0);
      expect(stdout).to.match(/^ {2}\d+ passing /m);
      expect(existsSync(`/tmp/rnetns-${uid}`)).to.equal(false);
    });
  }
});
