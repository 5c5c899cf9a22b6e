/** doctor as a whole: what it reports of a good host, of drivers that don't start and of what is left; and that it changes nothing. */

import { expect } from 'chai';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { once } from 'node:events';
import { CHECK_IDS } from '../../src/doctor/ids.js';
import { expectFinding, finding, findingWhere, reportOf } from '../fixtures/doctor.js';
import { privateHost } from '../fixtures/private-host.js';
import { descendantsOf, processesMentioning, waitFor } from '../fixtures/processes.js';
import { expectRefused, snapshot } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run, spawnRnetns } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, killNow, partsOf, startCommand, visibleLauncher } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** The processes of a doctor, and of what it tries: all have its runtime directory in their environment. */
const processesOf = ({ dir }: RuntimeDir): number[] => processesMentioning(basename(dirname(dir)));

/** A program for `network_cmd_path`, which answers --help as pasta does. */
function fakeDriver(script: string, name = 'pasta'): string {
  const directory = mkdtempSync('/tmp/rnetns-driver-');
  onTestEnd(() => rmSync(directory, { recursive: true }));
  const path = join(directory, name);
  const help = 'case $1 in --help) exec pasta --help ;; --version) echo fake 1; exit ;; esac';
  writeFileSync(path, `#!/bin/sh\n${help}\n${script}\n`, { mode: 0o755 });
  return path;
}

function withDriver(context: Mocha.Context, script: string): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure(`[engine]\nnetwork_cmd_path = ${fakeDriver(script)}\n[rnetns]\nlinger = 0\n`);
  return runtime;
}

describe('doctor', () => {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'slirp4netns', 'ip');
  });

  describe('on a good host', () => {
    it('runs every check in its order within 5 s, and none fails; nothing is made, and nothing is left', async function () {
      requires(this, 'subids');
      const runtime = freshRuntimeDir(this);
      const before = snapshot(runtime.dir);
      const result = await run(['doctor', '--json'], { env: runtime.env });
      const { checks, bundle } = reportOf(result);
      expect(bundle).to.be.null;
      expect(checks.map(({ id }) => id)).to.deep.equal(CHECK_IDS);
      const found = Object.fromEntries(checks.map(({ id, ...rest }) => [id, rest]));
      // What depends on the machine's network and firewall is tried elsewhere.
      const depends = ['pasta', 'firewall', 'systemd', 'linger', 'session-bus', 'default-route', 'dns', 'proc-sys'];
      for (const id of CHECK_IDS.filter((each) => !depends.includes(each))) {
        expect(found[id], id).to.include({ status: 'ok', hint: null });
      }
      expect(found.newuidmap?.detail).to.match(/maps \d{4,} ids/);
      expect(found.pasta?.detail).to.match(/^starts: .*pasta/);
      expect(found.slirp4netns?.detail).to.match(/^starts: slirp4netns version .*not used/);
      expect(result.durationMs).to.be.below(25_000);
      expect(snapshot(runtime.dir)).to.deep.equal(before);
      expect(processesOf(runtime)).to.deep.equal([]);
    });

    it('prints a line for each check, the hints below, and a summary; without colour where no terminal is', async function () {
      const { env } = freshRuntimeDir(this);
      const { status, stdout } = await run(['doctor', '--check', 'tun', '--check', 'kernel', 'systemd'], { env });
      expect(status).to.equal(0);
      expect(stdout).to.match(
        /^ok {7}kernel {11}\S.*\nok {7}tun {14}\/dev\/net\/tun can be opened\nwarning {2}systemd .*\n {26}hint: .*\n2 ok, 1 warning, 0 failed\n$/,
      );
    });

    it('has colour on a terminal, and none with NO_COLOR', async function () {
      requires(this, 'script');
      const { env } = freshRuntimeDir(this);
      const onTerminal = async (more: NodeJS.ProcessEnv) =>
        (
          await run(['-qec', `'${launcher}' doctor --check tun`, '/dev/null'], {
            file: 'script',
            env: { ...env, TERM: 'xterm', ...more },
          })
        ).stdout;
      // eslint-disable-next-line no-control-regex -- these are looked for
      expect(await onTerminal({ NO_COLOR: undefined })).to.match(/^\u001b\[32mok {6}\u001b\[0m tun/);
      expect(await onTerminal({ NO_COLOR: '1' })).to.match(/^ok {7}tun/);
    });

    it('refuses a check that nobody knows, with those that it knows', async function () {
      const { env } = freshRuntimeDir(this);
      expectRefused(await run(['doctor', '--check', 'tum'], { env }), /'tum' is invalid.* tun,/, 2);
      expectRefused(await run(['doctor', '--name', '../x'], { env }), /bad name/, 2);
    });

    it('neither waits for the lock nor takes it, nor takes the one who holds it for a leftover', async function () {
      const runtime = freshRuntimeDir(this);
      const holder = spawnRnetns(['lock', '--', 'sh', '-c', 'echo locked; exec cat'], { env: runtime.env });
      await waitFor(() => holder.stdout().includes('locked'), { what: 'the lock' });
      const result = await run(['doctor', '--json'], { env: runtime.env });
      expect(result.durationMs).to.be.below(25_000);
      expect(reportOf(result).checks.find(({ id }) => id === 'leftovers')).to.include({ status: 'ok' });
      holder.child.stdin?.end();
      expect((await holder.ended).status).to.equal(0);
    });

    it('from inside a namespace, and on one that is up: it goes on undisturbed', async function () {
      const runtime = freshRuntimeDir(this);
      runtime.configure('[rnetns]\nlinger = 0\n');
      const command = await startCommand(runtime);
      const parts = partsOf(runtime);
      const outside = reportOf(await run(['doctor', '--json'], { env: runtime.env }));
      expect(outside.checks.filter(({ status }) => status === 'fail')).to.deep.equal([]);
      expect(outside.checks.find(({ id }) => id === 'dns')?.detail).to.match(/^in default: /);
      const inside = await run(['run', '--', visibleLauncher(), 'doctor', '--json', '--check', 'pasta', 'tun'], {
        env: runtime.env,
      });
      expect(reportOf(inside).ok, inside.stdout).to.be.true;
      expect(partsOf(runtime)).to.deep.equal(parts);
      await command.finish();
      await gone(runtime);
    });
  });

  describe('pasta and slirp4netns', () => {
    for (const [what, script, detail, hint] of [
      [
        'ends at once',
        'echo no such luck >&2; exit 3',
        /does not start: exited with status 3: no such luck/,
        /another one/,
      ],
      ['is denied a file', 'echo "open: Permission denied" >&2; exit 1', /Permission denied/, /dmesg/],
      ['is killed', 'kill -9 $$', /does not start: exited with status 137/, /another one/],
    ] as const) {
      it(`one that ${what}: fails with its words`, async function () {
        const runtime = withDriver(this, script);
        expectFinding(await finding('pasta', runtime.env), 'fail', detail, hint);
        expectFinding(await finding('dns', runtime.env), 'warn', /not asked: pasta does not start/, /see pasta/);
        expect(processesOf(runtime)).to.deep.equal([]);
      });
    }

    it('one that hangs, heeds no signal and starts others: it is given up, and all of it ended', async function () {
      const runtime = withDriver(this, 'trap "" TERM INT HUP; sleep 300 & sleep 300 & wait; sleep 300');
      expectFinding(await finding('pasta', runtime.env), 'fail', /was not ready within 3 s/, /another one/);
      expect(processesOf(runtime)).to.deep.equal([]);
    });

    it('one that is being tried when doctor is killed: it ends with doctor', async function () {
      const runtime = withDriver(this, 'trap "" TERM INT HUP; echo hangs >&2; sleep 300');
      const doctor = spawnRnetns(['doctor', '--check', 'pasta'], { env: runtime.env });
      await waitFor(() => processesOf(runtime).length >= 5, { what: 'the driver to be tried' });
      await killNow(doctor.pid);
      await waitFor(() => processesOf(runtime).length === 0, { what: 'what it had started to end' });
    });

    it('words that would change the terminal are shown as words', async function () {
      const runtime = withDriver(this, String.raw`printf '\033[31mred\007\n' >&2; exit 1`);
      const { stdout } = await run(['doctor', '--check', 'pasta'], { env: runtime.env });
      expect(stdout).to.include('\\x1b[31mred\\x07');
      // eslint-disable-next-line no-control-regex -- these are looked for
      expect(stdout).not.to.match(/[\u0000-\u0009\u001b]/);
    });

    it('a network_cmd_path that is no program fails, and so does no driver at all', async function () {
      const runtime = freshRuntimeDir(this);
      runtime.configure('[engine]\nnetwork_cmd_path = /etc/passwd\n');
      expectFinding(await finding('pasta', runtime.env), 'fail', /it is no executable file/, /rnetns config/);
      runtime.configure('[engine]\nhelper_binaries_dir[] = /nonexistent\n');
      const directory = mkdtempSync('/tmp/rnetns-path-');
      onTestEnd(() => rmSync(directory, { recursive: true }));
      for (const program of ['node', 'sh', 'readlink', 'unshare', 'mount', 'ip']) {
        const { stdout } = await run(['-c', `command -v ${program}`], { file: 'sh', env: process.env });
        symlinkSync(stdout.trim(), join(directory, program));
      }
      const env = { ...runtime.env, PATH: directory };
      expectFinding(await finding('pasta', env), 'fail', /^not installed$/, /apt-get install passt/);
      expectFinding(await finding('slirp4netns', env), 'ok', /^not installed; not used$/);
    });

    it('without the tun device: the driver says so, and the hint is that of the device', async function () {
      const { env } = freshRuntimeDir(this);
      for (const [driver, status] of [
        ['pasta', 'fail'],
        ['slirp4netns', 'warn'],
      ] as const) {
        const found = await findingWhere({ setUp: 'mount -t tmpfs tmpfs /dev/net' }, driver, env);
        expectFinding(found, status, /does not start: .*\/dev\/net\/tun does not exist/, /modprobe tun/);
      }
    });

    it('options of the settings that it can not have fail', async function () {
      const runtime = freshRuntimeDir(this);
      runtime.configure('[network]\npasta_options[] = --foreground\n');
      expectFinding(await finding('pasta', runtime.env), 'fail', /cannot pass option --foreground/, /pasta_options/);
    });

    it('a runtime directory with blanks and newlines in its name is none to worry about', async function () {
      const { env, dir } = freshRuntimeDir(this);
      const odd = join(dir, ' a\n"b\' ');
      mkdirSync(odd, { mode: 0o700 });
      for (const driver of ['pasta', 'slirp4netns'] as const) {
        const { detail } = await finding(driver, { ...env, XDG_RUNTIME_DIR: odd });
        expect(detail).to.match(/^starts/);
      }
      const { status, stdout } = await run(['doctor', '--check', 'runtime-dir'], {
        env: { ...env, XDG_RUNTIME_DIR: odd },
      });
      expect({ status, lines: stdout.split('\n').length }).to.deep.equal({ status: 0, lines: 3 });
      rmSync(odd, { recursive: true });
    });

    it('a route that is missing is named, not the driver', async function () {
      const { env } = freshRuntimeDir(this);
      const found = await findingWhere({ setUp: ':', net: true }, 'pasta', env);
      // A newer pasta comes up without.
      if (found.status !== 'ok') expectFinding(found, 'warn', /no default route/, /see default-route/);
    });
  });

  describe('leftovers', () => {
    it('of a namespace whose parts were all killed: repair removes them', async function () {
      const runtime = freshRuntimeDir(this);
      const command = await startCommand(runtime);
      expectFinding(await finding('leftovers', runtime.env), 'ok', /^none$/);
      // A keeper alone is no leftover: the supervisor starts another one.
      const { supervisor, guard, keeper, driver } = partsOf(runtime);
      // What waits for the last lease would end the namespace by itself.
      const forks = descendantsOf(supervisor).filter((pid) => ![guard, keeper, driver].includes(pid));
      await killNow(supervisor, guard, keeper);
      expectFinding(
        await finding('leftovers', runtime.env),
        'warn',
        /default is degraded: no supervisor, no keeper/,
        /^rnetns repair --name default$/,
      );
      await killNow(driver, ...forks, command.pid);
      expectFinding(
        await finding('leftovers', runtime.env),
        'warn',
        /default: files of a namespace that is down/,
        /^rnetns repair --name default$/,
      );
      expect((await run(['repair'], { env: runtime.env })).status).to.equal(0);
      expectFinding(await finding('leftovers', runtime.env), 'ok', /^none$/);
    });

    it('of a killed writer, and processes whose directory is gone', async function () {
      const runtime = freshRuntimeDir(this);
      const command = await startCommand(runtime);
      writeFileSync(join(runtime.stateDir(), 'info.json.4711.tmp'), '');
      expectFinding(await finding('leftovers', runtime.env), 'warn', /killed writers: info\.json\.4711\.tmp/, /repair/);
      rmSync(join(runtime.stateDir(), 'info.json.4711.tmp'));
      const { supervisor, keeper } = partsOf(runtime);
      const away = join(runtime.dir, 'away');
      renameSync(runtime.stateDir(), away);
      const found = await finding('leftovers', runtime.env);
      renameSync(away, runtime.stateDir());
      expectFinding(
        found,
        'warn',
        new RegExp(`supervisor\\.sh \\(pid ${supervisor}\\) of .*default, which is gone`),
        /kill \d+/,
      );
      expect(found.hint).to.include(`kill ${keeper}`);
      await command.finish();
    });
  });

  describe('session-bus and systemd', () => {
    it('a bus that takes connections, and one that is dead', async function () {
      const { env, dir } = freshRuntimeDir(this);
      expectFinding(await finding('session-bus', { ...env, DBUS_SESSION_BUS_ADDRESS: '' }), 'ok', /^none/);
      const path = join(dir, 'bus');
      const server = createServer((socket) => socket.end()).listen(path);
      await once(server, 'listening');
      const given = { ...env, DBUS_SESSION_BUS_ADDRESS: `unix:guid=1,path=${path}` };
      expectFinding(await finding('session-bus', given), 'ok', /takes connections/);
      server.close();
      await once(server, 'close');
      expectFinding(await finding('session-bus', given), 'warn', /ENOENT/, /unset DBUS_SESSION_BUS_ADDRESS/);
    });

    it('no manager, and one that never answers', async function () {
      const { env, dir } = freshRuntimeDir(this);
      expectFinding(await finding('systemd', env), 'warn', /no systemd manager/, /enable-linger/);
      mkdirSync(join(dir, 'systemd'));
      const server = createServer((socket) => socket.on('error', () => undefined)).listen(join(dir, 'systemd/private'));
      await once(server, 'listening');
      const found = await finding('systemd', env);
      server.close();
      rmSync(join(dir, 'systemd'), { recursive: true });
      expectFinding(found, 'warn', /no answer within 1\.5 s/, /systemctl --user status/);
    });
  });

  describe('dns', () => {
    /** A host with a route and a name server on its only address. */
    const NETWORK =
      'ip link set lo up; ip link add up0 type veth peer name up1; ip link set up1 up; ip addr add 198.51.100.2/24 dev up0; ip link set up0 up; ip route add default via 198.51.100.1; mkdir /run/x; cd /run/x; echo nameserver 198.51.100.2 >r; mount --bind r "$(readlink -f /etc/resolv.conf)"';
    const server = (answer: string) =>
      `node -e 'const s = require("dgram").createSocket("udp4"); s.on("message", (m, from) => { ${answer} }); s.bind(53)' </dev/null >/dev/null 2>&1 & echo $! >pid;
       until grep -q ':0035 ' /proc/net/udp; do sleep 0.02; done`;
    const REFUSES = 'm[2] |= 128; m[3] = 5; s.send(m, from.port, from.address)';

    it('an answer by pasta and slirp4netns, whichever it is; silence while the host has none either is a warning', async function () {
      const runtime = freshRuntimeDir(this);
      const host = await privateHost(runtime, `cover_run; ${NETWORK}`, { net: true });
      await host.sh(`cd /run/x; ${server(REFUSES)}`);
      const ask = async () => reportOf(await host.run(['doctor', '--json', '--check', 'dns'])).checks[0]!;
      expectFinding(await ask(), 'ok', /^by pasta: 169\.254\.1\.1 answers REFUSED$/);
      runtime.configure('[network]\ndefault_rootless_network_cmd = slirp4netns\n');
      expectFinding(await ask(), 'ok', /^by slirp4netns: 10\.0\.2\.3 answers REFUSED$/);

      // The forwarder is silent while the host's own answers: it is to blame.
      runtime.configure(`[engine]\nnetwork_cmd_path = ${fakeDriver('echo 1; exec sleep 60')}\n`);
      expectFinding(
        await ask(),
        'fail',
        /no answer from 169\.254\.1\.1 \(.*while the host's own answer/,
        /another driver/,
      );

      runtime.configure('');
      await host.sh(
        `cd /run/x; kill "$(cat pid)"; while grep -q ':0035 ' /proc/net/udp; do sleep 0.02; done; ${server('')}`,
      );
      expectFinding(
        await ask(),
        'warn',
        /169\.254\.1\.1 \(silent\); nor from the host's own: 198\.51\.100\.2/,
        /offline/,
      );
      await host.sh('kill "$(cat /run/x/pid)"');
    });

    it('no driver, no forwarder', async function () {
      const runtime = freshRuntimeDir(this);
      runtime.configure('[network]\ndefault_rootless_network_cmd = none\n');
      expectFinding(await finding('dns', runtime.env), 'ok', /no driver/);
      expectFinding(await finding('pasta', runtime.env), 'ok', /^starts: .*the settings ask for none/);
    });
  });

  describe('--bundle', () => {
    it('packs the diagnosis and what belongs to it, without a secret', async function () {
      const runtime = freshRuntimeDir(this);
      runtime.configure('[rnetns]\nlinger = 1\n');
      const home = join(runtime.dir, 'home');
      mkdirSync(home);
      writeFileSync(join(home, 'diary'), 'dear-diary');
      const file = join(runtime.dir, 'a b.tar.gz');
      const command = await startCommand(runtime);
      writeFileSync(join(runtime.stateDir(), 'log'), 'supervisor: password=hunter2 token: "abc def"\n');
      const env = {
        ...runtime.env,
        HOME: home,
        PATH: `${home}/bin:${runtime.env.PATH ?? ''}`,
        http_proxy: 'http://me:hunter2@proxy.example:3128/',
        GITHUB_TOKEN: 'hunter2',
        SECRET_PLAN: 'hunter2',
      };
      const result = await run(['doctor', '--json', '--check', 'kernel', '--bundle', file], { env });
      const { bundle, checks } = reportOf(result);
      await command.finish();
      const listed = await run(['tzf', file], { file: 'tar' });
      expect(listed.stderr).to.equal('');
      expect(bundle).to.deep.equal({ file, contents: listed.stdout.trim().split('\n') });
      const read = async (name: string) => (await run(['xzOf', file, `rnetns-report/${name}`], { file: 'tar' })).stdout;
      expect((JSON.parse(await read('doctor.json')) as { checks: unknown }).checks).to.deep.equal(checks);
      expect(JSON.parse(await read('status.json'))).to.include({ state: 'running', name: 'default' });
      expect(await read('settings.json')).to.include('rnetns.linger');
      expect(await read('log')).to.equal('supervisor: password=*** token: ***\n');
      expect(await read('mountinfo')).to.match(/^\d+ \d+ \d+:\d+ /);
      expect(await read('versions')).to.match(/^rnetns: \d+\.\d+\.\d+\nnode: v\d+/);
      const environment = await read('environment');
      expect(environment).to.include('http_proxy=http://***@proxy.example:3128/\n');
      expect(environment).to.include('PATH=~/bin:');
      expect(environment).to.match(/\(\d+ more, left out\)\n$/);
      const all = (await run(['xzOf', file], { file: 'tar' })).stdout;
      for (const secret of ['hunter2', 'GITHUB_TOKEN', 'SECRET_PLAN', 'dear-diary', 'abc def']) {
        expect(all).not.to.include(secret);
      }
      const { stdout } = await run(['-c', '%a', file], { file: 'stat' });
      expect(stdout).to.equal('600\n');
      rmSync(home, { recursive: true });
      rmSync(file);
      await gone(runtime);
    });

    it('says in words what is in it, and what is not', async function () {
      const { env, dir } = freshRuntimeDir(this);
      const file = join(dir, 'report.tar.gz');
      const { status, stdout } = await run(['doctor', '--check', 'kernel', '--bundle', file], { env });
      rmSync(file);
      expect(status).to.equal(0);
      expect(stdout).to.match(
        /\nbundle .*report\.tar\.gz holds rnetns-report\/doctor\.json .*\nleft out: passwords .*\n$/,
      );
    });

    it('overwrites nothing, and a directory that can not be written is named', async function () {
      requires(this, 'unprivileged');
      const { env, dir } = freshRuntimeDir(this);
      const file = join(dir, 'report.tar.gz');
      writeFileSync(file, 'mine');
      const before = snapshot(dir);
      expectRefused(await run(['doctor', '--bundle', file], { env }), /bundle failed on .*report\.tar\.gz: it exists/);
      expect(snapshot(dir)).to.deep.equal(before);
      rmSync(file);
      symlinkSync('/nonexistent/elsewhere', file);
      expectRefused(await run(['doctor', '--check', 'kernel', '--bundle', file], { env }), /EEXIST|exists/);
      rmSync(file);
      expectRefused(
        await run(['doctor', '--check', 'kernel', '--bundle', '/proc/x.tar.gz'], { env }),
        /bundle failed on/,
      );
      expect(existsSync(file)).to.be.false;
    });
  });
});
