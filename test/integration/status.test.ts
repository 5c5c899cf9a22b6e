/** The keys of `status --json` and `list --json` are those of CLI.md, also when nothing is up. */

import { expect } from 'chai';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printed } from '../fixtures/netns-facts.js';
import { requires } from '../fixtures/requirements.js';
import { run, spawnRnetns } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { onTestEnd } from '../fixtures/test-end.js';

const KEYS = [
  ...['name', 'state', 'generation', 'directory', 'driver', 'addresses', 'dnsForwardIps', 'mapGuestIps', 'nameservers'],
  ...[
    'references',
    'refCount',
    'processes',
    'containers',
    'ports',
    'supervisor',
    'keeper',
    'protection',
    'limits',
    'linger',
    'since',
    'stale',
  ],
];
const DRIVER_KEYS = ['name', 'version', 'path', 'pid', 'args', 'restarts'];

describe('status and list', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('of nothing: down, all else null, exit 0, and nothing is made', async function () {
    const { env, dir } = freshRuntimeDir(this);
    const { status, stdout, stderr } = await run(['status', '--json'], { env });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const nothing = Object.fromEntries(KEYS.map((key) => [key, null]));
    expect(JSON.parse(stdout)).to.deep.equal({ ...nothing, name: 'default', state: 'down' });
    const listed = await run(['list', '--json'], { env });
    expect({ status: listed.status, stdout: JSON.parse(listed.stdout) as unknown }).to.deep.equal({
      status: 0,
      stdout: [],
    });
    expect((await run(['status'], { env })).stdout).to.equal('default: down\n');
    expect(existsSync(join(dir, 'rnetns'))).to.be.false;
  });

  it('of one that is up has every key', async function () {
    const { env, stateDir } = freshRuntimeDir(this);
    const inside = spawnRnetns(['run', '--name', 'lab', '--', 'sh', '-c', 'echo up; exec sleep 60'], { env });
    await printed(inside, 'up\n');
    const { status, stdout, stderr } = await run(['status', '--json', '-n', 'lab'], { env });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const shown = JSON.parse(stdout) as Record<string, unknown>;
    expect(shown).to.include.keys(...KEYS);
    expect(shown).to.deep.include({ name: 'lab', state: 'running', directory: stateDir('lab') });
    expect(shown).to.deep.include({ references: [], refCount: 0, processes: 1, containers: 0, linger: 2 });
    expect(shown.driver).to.include.keys(...DRIVER_KEYS);
    expect(shown.driver).to.deep.include({ name: 'pasta', restarts: 0 });
    for (const key of ['addresses', 'dnsForwardIps', 'mapGuestIps', 'nameservers'])
      expect(shown[key], key).to.be.an('array');
    expect(shown.supervisor).to.have.property('pid').that.is.a('number');
    expect(shown.keeper).to.have.property('pid').that.is.a('number');
    expect(new Date(shown.since as string).getTime()).to.be.closeTo(Date.now(), 60_000);
    const listed = JSON.parse((await run(['list', '--json'], { env })).stdout) as Record<string, unknown>[];
    expect(listed.map(({ name }) => name)).to.deep.equal(['lab']);
    expect(listed[0]).to.include.keys(...KEYS);
    const text = await run(['status', '--name=lab'], { env });
    expect(text.stdout).to.match(/^lab: running for \d+ s; 1 process; goes 2 s after the last use\n {2}directory/);
    expect(text.stdout).to.include('pasta').and.include('169.254.1.1');
    // eslint-disable-next-line no-control-regex
    expect(text.stdout).to.not.match(/\u001b/);
    expect((await run(['list'], { env })).stdout).to.match(/^lab\s+running\s+pasta\s+1 process/);
  });

  it('start the driver only where its version is shown', async function () {
    const { env, configure } = freshRuntimeDir(this);
    const directory = mkdtempSync('/tmp/rnetns-driver-');
    onTestEnd(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'pasta');
    const asked = join(directory, 'asked');
    writeFileSync(path, `#!/bin/sh\n[ "$1" != --version ] || : >${asked}\nexec pasta "$@"\n`, { mode: 0o755 });
    configure(`[engine]\nnetwork_cmd_path = ${path}\n`);
    const inside = spawnRnetns(['run', '--', 'sh', '-c', 'echo up; exec sleep 60'], { env });
    await printed(inside, 'up\n');
    for (const args of [['status'], ['list'], ['graph']]) {
      expect((await run(args, { env })).stdout).to.include('pasta');
      expect(existsSync(asked), args[0]).to.be.false;
    }
    const shown = JSON.parse((await run(['status', '--json'], { env })).stdout) as { driver: { version: string } };
    expect(shown.driver.version).to.match(/^pasta /);
    expect(existsSync(asked)).to.be.true;
  });

  it("has the version of a driver as it is run, and also where it loses what isn't written line by line", async function () {
    const { env, configure } = freshRuntimeDir(this);
    const directory = mkdtempSync('/tmp/rnetns-driver-');
    onTestEnd(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'pasta');
    // Debian 13's pasta is one; stdbuf(1) tells the C library by this variable.
    const version = '--version) [ "$_STDBUF_O" != L ] || fake-version; exit ;;';
    writeFileSync(path, `#!/bin/sh\ncase $1 in ${version} esac\nexec pasta "$@"\n`, { mode: 0o755 });
    writeFileSync(join(directory, 'fake-version'), '#!/bin/sh\necho "pasta of $HOME"\n', { mode: 0o755 });
    configure(`[engine]\nnetwork_cmd_path = ${path}\n`);
    const caller = { ...env, HOME: directory, PATH: `${env.PATH ?? ''}:${directory}` };
    const inside = spawnRnetns(['run', '--', 'sh', '-c', 'echo up; exec sleep 60'], { env: caller });
    await printed(inside, 'up\n');
    const shown = JSON.parse((await run(['status', '--json'], { env: caller })).stdout) as {
      driver: { version: string };
    };
    expect(shown.driver.version).to.equal(`pasta of ${directory}`);
  });

  it('of one without a driver program has its keys too', async function () {
    const { env, configure } = freshRuntimeDir(this);
    configure('[network]\ndefault_rootless_network_cmd = none\n[rnetns]\nlinger = 60\n');
    await run(['run', '--', 'true'], { env });
    const shown = JSON.parse((await run(['status', '--json'], { env })).stdout) as Record<string, unknown>;
    expect(shown).to.include.keys(...KEYS);
    expect(shown.state).to.equal('running');
    expect(shown.driver).to.deep.include({ name: 'none', version: null, path: null, pid: null, args: [], restarts: 0 });
  });
});
