/** What a unit of systemd takes away from rnetns is named, with the setting of that unit that gives it back. */

import { expect } from 'chai';
import { existsSync, readFileSync } from 'node:fs';
import { logIn, type LoggedIn } from '../fixtures/booted-systemd.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run, type RunResult } from '../fixtures/rnetns.js';

const UNIT = 'restricted.service';

/** `run` by a service of the system's manager, as the user. */
async function runIn(user: LoggedIn, properties: readonly string[]): Promise<RunResult> {
  const set = { PATH: process.env.PATH ?? '', XDG_RUNTIME_DIR: user.dir, HOME: '/nonexistent' };
  return run(
    [
      ...['--quiet', '--pipe', '--wait', '--collect', `--unit=${UNIT}`, `--uid=${user.uid}`],
      ...properties.map((property) => `--property=${property}`),
      ...Object.entries(set).map(([key, value]) => `--setenv=${key}=${value}`),
      ...[launcher, 'run', '--', 'true'],
    ],
    { file: 'systemd-run', cwd: '/' },
  );
}

describe('a unit with', function () {
  beforeEach(function () {
    requires(this, 'booted', 'pasta', 'tun');
  });

  for (const [properties, words] of [
    [['RestrictNamespaces=yes'], /seccomp filter.*restricted\.service[^]*hint: .*RestrictNamespaces=no in restricted/],
    [
      ['RestrictNamespaces=user mnt'],
      /seccomp filter.*restricted\.service[^]*hint: .*RestrictNamespaces=no in restricted/,
    ],
    [['PrivateDevices=yes'], /\/dev\/net\/tun does not exist[^]*hint: .*PrivateDevices=no in restricted\.service/],
    [
      ['ProtectSystem=strict', 'ReadOnlyPaths=/run/user'],
      /ead-only file system[^]*hint: .*ReadWritePaths=\S+ in restricted\.service/,
    ],
    [
      ['RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6'],
      /netlink[^]*hint: .*RestrictAddressFamilies=.*AF_NETLINK in restricted\.service/,
    ],
    [['LimitNOFILE=16'], /16 open files[^]*hint: .*Limit…= .*in a systemd unit/],
  ] as const) {
    it(`${properties.join(' ')}: the cause is named, and the setting`, async () => {
      const user = await logIn();
      const { status, stderr } = await runIn(user, properties);
      expect(status, stderr).to.equal(125);
      // Warnings may come before it: that a unit can't map subordinate ids, for one.
      expect(stderr)
        .to.match(/^rnetns: [^\n]+\nhint: [^\n]+\n$/m)
        .and.match(words);
    });
  }

  for (const max of [3, 9, 14]) {
    it(`TasksMax=${max}: the cause is named, and the setting`, async function () {
      const controllers = '/sys/fs/cgroup/cgroup.controllers';
      if (!existsSync(controllers) || !readFileSync(controllers, 'latin1').includes('pids')) this.skip();
      const { status, stderr } = await runIn(await logIn(), [`TasksMax=${max}`]);
      expect(status, stderr).to.equal(125);
      expect(stderr).to.match(/(processes and threads|limit on processes)[^]*hint: .*TasksMax=/);
    });
  }

  it('none of these, it works', async () => {
    const user = await logIn();
    const { status, stderr } = await runIn(user, ['NoNewPrivileges=no']);
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect((await user.rnetns(['stop', '--force'])).status).to.equal(0);
  });
});
