/** The commands in docs/networks.md, run as they stand there: a newcomer types them. */

import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requires } from '../fixtures/requirements.js';
import { launcher, projectRoot, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { gone } from '../fixtures/shared-netns.js';

/** The first sh block below a heading. */
function commandsBelow(heading: string): string {
  const text = readFileSync(join(projectRoot, 'docs/networks.md'), 'utf8');
  const [, section = ''] = text.split(`\n## ${heading}\n`);
  return /^```sh\n([^]*?)^```$/m.exec(section)?.[1] ?? '';
}

describe('docs/networks.md', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins');
  });

  for (const [heading, said] of [
    ['Named namespaces', /^web\b/m],
    ['CNI', /1 packets received[^]*"name": "rnetns"[^]*^ {2}db eth0 .*\n {2}web eth0 /m],
  ] as const) {
    it(`the commands below ${heading} do what it says, and leave nothing`, async function () {
      const runtime = freshRuntimeDir(this);
      runtime.configure('[rnetns]\nlinger = 0\n');
      const env = { ...runtime.env, PATH: `${join(launcher, '..')}:${runtime.env.PATH ?? ''}` };
      const args = ['-euc', commandsBelow(heading)];
      const { status, stdout, stderr } = await run(args, { env, file: 'sh', cwd: projectRoot });
      expect(status, stderr).to.equal(0);
      expect(stdout, stderr).to.match(said);
      await gone(runtime);
    });
  }
});
