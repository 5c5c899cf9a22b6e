/** Where systemd ends units and sessions, it ends a namespace with them only if it can't be protected; and status knows. */

import { expect } from 'chai';
import { mkdirSync, chownSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { logIn, processesOf, unitOf, type LoggedIn } from '../fixtures/booted-systemd.js';
import { alive, namespaceInode, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run, type RunResult } from '../fixtures/rnetns.js';
import { killNow, partsOf, readParts, type Parts } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const SCOPE = /^rnetns-default-[0-9a-f]{8}\.scope$/;
const FIRST = 'first-caller.service';

function expectOk({ status, stderr }: RunResult, words: RegExp | '' = ''): void {
  expect(status, stderr).to.equal(0);
  if (words === '') expect(stderr).to.equal('');
  else expect(stderr).to.match(words);
}

/** A unit of the user that goes on when its program has ended, as a Type=oneshot service does. */
async function startUnit(user: LoggedIn, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  const set = Object.entries({ PATH: process.env.PATH, ...env }).map(
    ([key, value]) => `--setenv=${key}=${value ?? ''}`,
  );
  const properties = ['--property=Type=oneshot', '--property=RemainAfterExit=yes'];
  expectOk(await user.run(['systemd-run', '--user', '--quiet', `--unit=${FIRST}`, ...properties, ...set, ...args]));
}

const systemctl = (user: LoggedIn, ...args: string[]): Promise<RunResult> => user.run(['systemctl', '--user', ...args]);

/** They are what they were, and the network namespace too. */
function expectUntouched(parts: Parts, netns: number | undefined): void {
  expect(Object.entries(parts).filter(([, pid]) => !alive(pid))).to.deep.equal([]);
  expect(namespaceInode(parts.keeper)).to.equal(netns);
}

async function scopesOf(user: LoggedIn): Promise<string> {
  return (await systemctl(user, 'list-units', '--all', '--no-legend', 'rnetns-*')).stdout.trim();
}

describe('protection by a systemd scope', function () {
  beforeEach(function () {
    requires(this, 'booted');
  });

  it('outlives the unit that called first: all of it is in a scope of its own, and nothing else is', async () => {
    const user = await logIn();
    await startUnit(user, [launcher, 'setup', '--id', 'x']);
    const parts = partsOf(user);
    const { protection, state } = await user.status();
    expect(state).to.equal('running');
    expect(protection?.scope).to.match(SCOPE);
    expect(protection?.linger).to.be.true;
    expect((await user.rnetns(['status'])).stdout).to.include(`protected       by ${String(protection?.scope)}\n`);
    for (const [role, pid] of Object.entries(parts)) expect(unitOf(pid), role).to.equal(protection?.scope);

    const netns = namespaceInode(parts.keeper);
    expectOk(await systemctl(user, 'stop', FIRST));
    expectUntouched(parts, netns);
    expectOk(await user.rnetns(['run', '--', 'true']));
    expectUntouched(parts, netns);

    expectOk(await user.rnetns(['teardown', '--id', 'x']));
    await waitFor(async () => (await scopesOf(user)) === '', { what: 'the scope to be gone' });
    expect(Object.values(parts).filter(alive)).to.deep.equal([]);
  });

  it('leaves the command in the unit of its caller', async () => {
    const user = await logIn();
    await startUnit(user, [launcher, 'run', '--', 'sh', '-c', `cat /proc/self/cgroup >${user.dir}/cgroup`]);
    const { stdout } = await user.run(['cat', join(user.dir, 'cgroup')]);
    expect(stdout).to.match(new RegExp(`/${FIRST}$`, 'm'));
  });

  it('is mended within its scope', async () => {
    const user = await logIn();
    await startUnit(user, [launcher, 'setup', '--id', 'x']);
    const { supervisor } = partsOf(user);
    const scope = unitOf(supervisor);
    await killNow(supervisor);
    const mended = await waitFor(
      () => {
        const parts = readParts(user);
        return parts !== undefined && parts.supervisor !== supervisor && alive(parts.supervisor) && parts;
      },
      { what: 'a new supervisor' },
    );
    expectOk(await systemctl(user, 'stop', FIRST));
    for (const [role, pid] of Object.entries(mended)) expect(unitOf(pid), role).to.equal(scope);
    expect(await scopesOf(user)).to.match(/^rnetns-\S+ [^\n]*$/);
  });

  it('outlives the last session of a user who lingers', async () => {
    const user = await logIn();
    const session = await user.session([launcher, 'setup', '--id', 'y']);
    const parts = partsOf(user);
    const netns = namespaceInode(parts.keeper);
    for (const [role, pid] of Object.entries(parts)) expect(unitOf(pid), role).to.match(SCOPE);
    await session.end();
    expectUntouched(parts, netns);
    expectOk(await user.rnetns(['run', '--', 'true']));
    expectUntouched(parts, netns);
  });

  it('goes with the last session of a user who does not, says so before, and leaves nothing', async () => {
    const user = await logIn();
    const session = await user.session([launcher, 'setup', '--id', 'y']);
    expectOk(await run(['disable-linger', String(user.uid)], { file: 'loginctl' }));
    expect((await user.status()).protection?.linger).to.be.false;
    expect((await user.rnetns(['status'])).stdout).to.match(
      /protected {7}by rnetns-\S+ until your last session ends \(loginctl enable-linger\)\n/,
    );
    await session.end();
    await waitFor(() => processesOf(user.uid).length === 0 && !existsSync(user.dir), {
      what: () => `the user's manager to end\n  ${processesOf(user.uid).join('\n  ')}`,
    });
  });

  it('is not there without a manager: the namespace comes up as ever, says so, and goes with the unit', async () => {
    const user = await logIn();
    const dir = join(user.dir, 'elsewhere');
    mkdirSync(dir, { mode: 0o700 });
    chownSync(dir, user.uid, user.uid);
    const elsewhere = { XDG_RUNTIME_DIR: dir };
    await startUnit(user, [launcher, 'setup', '--id', 'x'], elsewhere);
    const parts = partsOf({ stateDir: (name = 'default') => join(dir, 'rnetns', name) });
    for (const [role, pid] of Object.entries(parts)) expect(unitOf(pid), role).to.equal(FIRST);
    const shown = await user.rnetns(['status'], elsewhere);
    expect(shown.stdout).to.include('protected       not protected from logout: no systemd user manager answered\n');
    expectOk(await systemctl(user, 'stop', FIRST));
    await waitFor(() => !Object.values(parts).some(alive), { what: 'all of it to be gone' });
  });

  it('is not waited for from a manager that hangs', async () => {
    const user = await logIn();
    const manager = await managerOf(user);
    process.kill(manager, 'SIGSTOP');
    onTestEnd(() => void process.kill(manager, 'SIGCONT'));
    expectOk(await user.rnetns(['setup', '--id', 'x']), /not protected from logout: .* no answer within 2 s\n$/);
    expect((await user.status()).protection?.scope).to.be.null;
    process.kill(manager, 'SIGCONT');
    expectOk(await user.rnetns(['stop', '--force']));
  });

  it('is done without when the manager cannot give it: the system bus is down', async () => {
    const user = await logIn();
    expectOk(await run(['stop', 'dbus.socket', 'dbus.service'], { file: 'systemctl' }));
    onTestEnd(async () => {
      expectOk(await run(['start', 'dbus.socket', 'dbus.service'], { file: 'systemctl' }));
      // From systemd 256 on it doesn't come back to the bus by itself.
      expectOk(await run(['restart', 'systemd-logind.service'], { file: 'systemctl' }));
    });
    expectOk(await user.rnetns(['setup', '--id', 'x']), /not protected from logout: .* its job ended as failed\n$/);
    expect((await user.status()).protection?.scope).to.be.null;
    expectOk(await user.rnetns(['stop', '--force']));
  });
});

/** The main process of user@UID.service. */
async function managerOf(user: LoggedIn): Promise<number> {
  const args = ['show', '--property=MainPID', '--value', `user@${user.uid}.service`];
  return Number((await run(args, { file: 'systemctl' })).stdout);
}
