/** A cgroup that lets few processes run, as TasksMax= of a unit does, and --pids-limit of a container. */

import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { logIn, type LoggedIn } from '../fixtures/booted-systemd.js';
import { waitFor } from '../fixtures/processes.js';
import { expectOurs } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run, type RunResult } from '../fixtures/rnetns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const ROOT = '/sys/fs/cgroup';
const PIDS = `${ROOT}/pids`;

/** The controller is version 2's here, or can be had as version 1's, where rnetns looks for that. */
function controller(): 'unit' | 'mounted' | undefined {
  const file = `${ROOT}/cgroup.controllers`;
  if (existsSync(file) && readFileSync(file, 'latin1').split(/\s/).includes('pids')) return 'unit';
  if (!existsSync(PIDS)) mkdirSync(PIDS);
  if (spawnSync('mount', ['-t', 'cgroup', '-o', 'pids', 'pids', PIDS]).status === 0) {
    onTestEnd(() => void spawnSync('umount', [PIDS]));
    return 'mounted';
  }
  rmdirSync(PIDS);
  return undefined;
}

/** rnetns as the user, where no more than so many processes and threads may run. */
async function among(max: number, user: LoggedIn, args: readonly string[], by: 'unit' | 'mounted'): Promise<RunResult> {
  const set = { PATH: process.env.PATH ?? '', XDG_RUNTIME_DIR: user.dir, HOME: '/nonexistent' };
  if (by === 'unit') {
    return run(
      [
        ...['--quiet', '--pipe', '--wait', '--collect', `--uid=${user.uid}`, `--property=TasksMax=${max}`],
        ...Object.entries(set).map(([key, value]) => `--setenv=${key}=${value}`),
        ...[launcher, ...args],
      ],
      { file: 'systemd-run', cwd: '/' },
    );
  }
  const cgroup = `${PIDS}/rnetns-few.${process.pid}.${max}`;
  if (!existsSync(cgroup)) {
    mkdirSync(cgroup);
    onTestEnd(async () => {
      await waitFor(() => readFileSync(`${cgroup}/cgroup.procs`, 'latin1') === '', {
        what: 'nobody to be in the cgroup',
      });
      rmdirSync(cgroup);
    });
  }
  const script = 'echo "$2" >"$1/pids.max"; echo "$$" >"$1/cgroup.procs"; shift 2; exec "$@"';
  const become = ['setpriv', '--reuid', String(user.uid), '--regid', String(user.uid), '--clear-groups'];
  return run(['-c', script, 'sh', cgroup, String(max), ...become, '--inh-caps=-all', '--', launcher, ...args], {
    file: 'sh',
    env: set,
    cwd: '/',
  });
}

describe('a cgroup with room for few processes', function () {
  const setUp = async (context: Mocha.Context): Promise<{ user: LoggedIn; by: 'unit' | 'mounted' }> => {
    requires(context, 'booted', 'pasta', 'tun');
    // Undone in the other order: nobody of the user is left then.
    const by = controller() ?? context.skip();
    return { user: await logIn(), by };
  };

  it('gets work done or is told so where a namespace has to be made, and nothing is left', async function () {
    const { user, by } = await setUp(this);
    for (const max of [1, 2, 3, 6, 11, 14, 15, 16, 17, 18, 20]) {
      for (const args of [
        ['run', '--', 'true'],
        ['setup', '--id', 'x'],
        ['setup', '--', 'true'],
        ['teardown', '--id', 'x'],
      ]) {
        const result = await among(max, user, args, by);
        expectOurs(result, [0]);
        if (result.status !== 0) expect(result.stderr, `${max}: ${args.join(' ')}`).to.match(/process|pids/);
        await user.rnetns(['stop', '--force']);
        await waitFor(() => !existsSync(user.stateDir()), {
          what: `nothing to be left with ${max}: ${args.join(' ')}`,
        });
      }
    }
  });

  it('gets work done or is told so where there is one', async function () {
    const { user, by } = await setUp(this);
    expect((await user.rnetns(['setup', '--id', 'other'])).status).to.equal(0);
    for (const max of [1, 2, 3, 4]) {
      // Nothing is started there, so nothing can fail.
      expect(await among(max, user, ['run', '--', 'true'], by), String(max)).to.include({ status: 0, stderr: '' });
      for (const args of [
        ['setup', '--id', 'x'],
        ['teardown', '--id', 'x'],
        ['setup', '--nets', '2'],
        ['teardown', '--nets', '2'],
        ['setup', '--id', 'y', '--', 'true'],
        ['lock', '--', 'true'],
        ['status'],
      ]) {
        expectOurs(await among(max, user, args, by), [0]);
      }
    }
    expect((await user.rnetns(['stop', '--force'])).status).to.equal(0);
  });
});
