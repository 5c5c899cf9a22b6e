/** A plan is kept with all that it was made from: nothing that is read is forgotten, and nothing that changes goes unseen. */

import { expect } from 'chai';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kept } from '../fixtures/keep-plan.js';
import { IS_FRESH, OLD_MS } from '../fixtures/kept-plan.js';
import { privateHost } from '../fixtures/private-host.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { projectRoot, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { onTestEnd } from '../fixtures/test-end.js';

const KEEP_PLAN = join(projectRoot, 'build/test/fixtures/keep-plan.js');

/** As one who has no user namespace of his own that would do, so that subordinate ids are asked for. */
const WITHOUT_CAPABILITIES = 'setpriv --inh-caps=-all --bounding-set=-all --';

interface Host {
  /** A sh script that changes something. */
  sh: (script: string) => Promise<string>;
  /** Make a plan and keep it, once that may be. */
  keep: (environment?: string) => Promise<Kept>;
  isFresh: (environment?: string) => Promise<boolean>;
}

/** A host whose files can be changed, with drivers of a test's own in `$TMP/bin`, first in PATH but for `$TMP/first`. */
async function changeableHost(runtime: RuntimeDir): Promise<Host> {
  const directory = mkdtempSync(join(tmpdir(), 'kept-host-'));
  onTestEnd(() => rmSync(directory, { recursive: true, force: true }));
  const host = await privateHost(
    runtime,
    `cover_run systemd NetworkManager
    cover /etc
    cover /var/lib
    rm -rf /etc/resolv.conf /etc/subuid /etc/subgid /etc/nsswitch.conf /etc/rnetns /etc/containers /var/lib/cni
    echo "nameserver 192.0.2.53" >/etc/resolv.conf
    echo "passwd: files" >/etc/nsswitch.conf
    for kind in uid gid; do echo "root:100000:65536" >/etc/sub$kind; done`,
  );
  mkdirSync(join(directory, 'bin'));
  const words =
    'echo "Usage: pasta [OPTION]"; for option in config-net netns quiet foreground; do echo "  --$option"; done';
  writeFileSync(join(directory, 'bin', 'pasta'), `#!/bin/sh\n${words}\nexit 1\n`, { mode: 0o755 });
  const setUp = `export HERE=${directory} PATH="${directory}/first:${directory}/bin:$PATH"
    export HOME=${directory}/home XDG_CONFIG_HOME=\n`;
  const call = (environment: string, words: string): Promise<string> =>
    host.sh(`${setUp}${environment}\n${WITHOUT_CAPABILITIES} ${words}`);
  return {
    sh: (script) => host.sh(`${setUp}${script}`),
    async keep(environment = '') {
      await sleep(OLD_MS);
      return JSON.parse(
        await call(environment, `${process.execPath} "\${PROGRAM-${KEEP_PLAN}}" \${CONFIG:+--config "$CONFIG"}`),
      ) as Kept;
    },
    async isFresh(environment = '') {
      const said = await call(
        environment,
        `sh -c '${IS_FRESH.replaceAll("'", String.raw`'\''`)}' sh "$XDG_RUNTIME_DIR/rnetns" "\${CONFIG-}"`,
      );
      expect(said).to.match(/^(fresh|stale)\n$/);
      return said === 'fresh\n';
    },
  };
}

type Change = [what: string, script: string];

describe('a plan that is kept', function () {
  this.timeout(600_000);

  beforeEach(function () {
    requires(this, 'userns', 'unprivileged');
  });

  /** Each change is seen, and after a new plan nothing differs. What it needs before is `prepare`. */
  async function seesEach(context: Mocha.Context, changes: readonly Change[], prepare = ''): Promise<void> {
    const runtime = freshRuntimeDir(context);
    const host = await changeableHost(runtime);
    if (prepare !== '') await host.sh(prepare);
    for (const [what, script] of changes) {
      expect((await host.keep()).why, `before: ${what}`).to.equal(undefined);
      expect(await host.isFresh(), `nothing has changed; before: ${what}`).to.be.true;
      await host.sh(script);
      expect(await host.isFresh(), what).to.be.false;
    }
    rmSync(join(runtime.dir, 'rnetns'), { recursive: true });
  }

  const SETTINGS = ['/etc/rnetns/rnetns.conf', '$HOME/.config/rnetns/rnetns.conf'];
  const CONTAINERS = ['/etc/containers/containers.conf', '$HOME/.config/containers/containers.conf'];
  for (const [kind, files, text, other] of [
    ['settings', SETTINGS, '[rnetns]\nlinger = 1\n', '[rnetns]\nlinger = 3\n'],
    ['containers.conf', CONTAINERS, '[network]\ndns_servers = []\n', '[network]\ndns_servers = [ ]'],
  ] as const) {
    for (const file of files) {
      it(`sees ${kind} in ${file} made, changed, replaced by an older file, and removed`, async function () {
        const write = (words: string): string => `printf '${words.replaceAll('\n', '\\n')}' >"${file}"`;
        await seesEach(this, [
          ['made', `mkdir -p "${dirname(file)}"; ${write(text)}`],
          ['changed, to the same size', write(text.replace('1', '2'))],
          ['changed back twice at once', `${write(other)}; ${write(text)}`],
          [
            'replaced by an older one',
            `cp -p "${file}" "$HERE/old"; touch -d 2001-01-01 "$HERE/old"; mv "$HERE/old" "${file}"`,
          ],
          ['copied over with its times', `touch -d 2001-01-01 "$HERE/o"; ${write(text)}; touch -r "$HERE/o" "${file}"`],
          ['a link in its place', `mv "${file}" "$HERE/real.conf"; ln -s "$HERE/real.conf" "${file}"`],
          ['where the link leads changed', `printf '\\n' >>"$HERE/real.conf"`],
          ['removed', `rm "${file}"`],
          ...(kind === 'settings'
            ? []
            : ([
                ['a drop-in', `mkdir -p "${file}.d"; echo >"${file}.d/a.conf"`],
                ['a drop-in changed', `echo >>"${file}.d/a.conf"`],
                ['another one', `echo >"${file}.d/b.conf"`],
                ['one removed', `rm "${file}.d/a.conf"`],
                ['all removed', `rm -r "${file}.d"`],
              ] as Change[])),
        ]);
      });
    }
  }

  it('sees a file that is given change, and another one given', async function () {
    const runtime = freshRuntimeDir(this);
    const host = await changeableHost(runtime);
    await host.sh('for n in 1 2; do echo "[rnetns]" >"$HERE/$n.conf"; done');
    for (const variable of ['RNETNS_CONFIG', 'CONTAINERS_CONF', 'CONTAINERS_CONF_OVERRIDE', 'CONFIG']) {
      const given = (file: string): string => `export ${variable}="${file}"`;
      expect((await host.keep(given('$HERE/1.conf'))).why).to.equal(undefined);
      expect(await host.isFresh(given('$HERE/1.conf')), variable).to.be.true;
      expect(await host.isFresh(), `no ${variable}`).to.be.false;
      expect(await host.isFresh(given('$HERE/2.conf')), `another ${variable}`).to.be.false;
      await host.sh('echo >>"$HERE/1.conf"');
      expect(await host.isFresh(given('$HERE/1.conf')), `${variable} changed`).to.be.false;
      if (variable !== 'CONFIG') continue;
      const relative = await host.keep('cd "$HERE"; CONFIG=1.conf');
      expect(relative.why).to.include('depends on the current directory');
    }
    rmSync(join(runtime.dir, 'rnetns'), { recursive: true });
  });

  it('sees other variables, ids and capabilities', async function () {
    const runtime = freshRuntimeDir(this);
    const host = await changeableHost(runtime);
    expect((await host.keep()).why).to.equal(undefined);
    expect(await host.isFresh()).to.be.true;
    for (const change of [
      'export HOME=/nonexistent',
      'unset HOME',
      'export XDG_CONFIG_HOME=/nonexistent',
      'export RNETNS_LOG_LEVEL=error',
      'export RNETNS_NODE=/usr/bin/node',
      'export PATH="$PATH:/nonexistent"',
      'setpriv() { shift 3; "$@"; }',
    ]) {
      expect(await host.isFresh(change), change).to.be.false;
    }
    expect(await host.isFresh('export RNETNS_LOG_LEVEL= XDG_CONFIG_HOME= SOMETHING=else')).to.be.true;
    for (const level of ['info', 'debug']) {
      expect((await host.keep(`export RNETNS_LOG_LEVEL=${level}`)).why).to.include('log_level');
    }
    rmSync(join(runtime.dir, 'rnetns'), { recursive: true });
  });

  it('sees resolv.conf change by write, rename, and each link of a chain', async function () {
    await seesEach(this, [
      ['written', 'echo "nameserver 192.0.2.54" >/etc/resolv.conf'],
      [
        'two writes at once',
        'echo "nameserver 192.0.2.5" >/etc/resolv.conf; echo "nameserver 192.0.2.54" >/etc/resolv.conf',
      ],
      ['renamed', 'cp -p /etc/resolv.conf /etc/new; mv /etc/new /etc/resolv.conf'],
      ['the stub of systemd-resolved', 'mkdir -p /run/systemd/resolve; echo "nameserver 127.0.0.53" >/etc/resolv.conf'],
      ['what the stub was made from', 'echo "nameserver 192.0.2.1" >/run/systemd/resolve/resolv.conf'],
      ['a link', 'mv /etc/resolv.conf /run/stub; ln -s ../run/first /etc/resolv.conf; ln -s stub /run/first'],
      ['the text behind two links', 'echo "nameserver 192.0.2.7" >/run/stub'],
      ['the second link led elsewhere', 'cp -p /run/stub /run/other; ln -sfn other /run/first'],
      ['the first one led elsewhere', 'ln -sfn ../run/other /etc/resolv.conf'],
      ['removed', 'rm /etc/resolv.conf'],
      ['NetworkManager’s', 'echo "nameserver 127.0.0.1" >/etc/resolv.conf'],
      [
        'what that was made from',
        'mkdir -p /run/NetworkManager; echo "nameserver 192.0.2.2" >/run/NetworkManager/no-stub-resolv.conf',
      ],
      ['no systemd', 'rm -r /run/systemd'],
    ]);
  });

  it('sees subordinate ids change, and what tells them', async function () {
    for (const program of ['newuidmap', 'getsubids']) if (findProgram(program) === undefined) this.skip();
    const runtime = freshRuntimeDir(this);
    const host = await changeableHost(runtime);
    for (const change of [
      'echo "root:200000:65536" >/etc/subuid',
      'echo "root:200000:65536" >/etc/subgid',
      'rm /etc/subuid',
      'echo "passwd: files systemd" >/etc/nsswitch.conf',
      'cp /etc/passwd /etc/new; rm /etc/passwd; mv /etc/new /etc/passwd',
      'mkdir -p "$HERE/first"; cp "$(command -v newuidmap)" "$HERE/first/"',
    ]) {
      expect((await host.keep()).why, `before: ${change}`).to.equal(undefined);
      expect(await host.isFresh(), `before: ${change}`).to.be.true;
      await host.sh(change);
      expect(await host.isFresh(), change).to.be.false;
    }
    await host.sh('echo "subid: sss" >/etc/nsswitch.conf');
    expect((await host.keep()).why).to.include('directory service');
    rmSync(join(runtime.dir, 'rnetns'), { recursive: true });
  });

  it('sees the driver replaced, and another one before it in PATH or in helper_binaries_dir', async function () {
    await seesEach(
      this,
      [
        ['changed', 'echo >>"$HERE/bin/pasta"'],
        [
          'replaced by an older one',
          'cp -p "$HERE/bin/pasta" "$HERE/o"; touch -d 2001-01-01 "$HERE/o"; mv "$HERE/o" "$HERE/bin/pasta"',
        ],
        ['before it in PATH', 'mkdir -p "$HERE/first"; cp "$HERE/bin/pasta" "$HERE/first/"'],
        ['that one gone', 'rm "$HERE/first/pasta"'],
        ['in helper_binaries_dir', 'mkdir -p "$HERE/helpers"; cp "$HERE/bin/pasta" "$HERE/helpers/"'],
        ['not to be executed', 'chmod -x "$HERE/helpers/pasta"'],
        ['a link', 'mv "$HERE/bin/pasta" "$HERE/bin/real"; ln -s real "$HERE/bin/pasta"'],
        ['what the link leads to', 'echo >>"$HERE/bin/real"'],
      ],
      `mkdir -p "$HOME/.config/rnetns"
       printf '[engine]\\nhelper_binaries_dir[] = %s\\n' "$HERE/helpers" >"$HOME/.config/rnetns/rnetns.conf"`,
    );
  });

  it('sees /var/lib/cni come and go', async function () {
    await seesEach(this, [
      ['made', 'mkdir /var/lib/cni'],
      ['removed', 'rmdir /var/lib/cni'],
    ]);
  });

  it('sees another rnetns in the place of this one', async function () {
    const runtime = freshRuntimeDir(this);
    const host = await changeableHost(runtime);
    const copy = join(mkdtempSync(join(tmpdir(), 'kept-rnetns-')), 'build');
    onTestEnd(() => rmSync(dirname(copy), { recursive: true, force: true }));
    for (const part of ['src', 'test/fixtures'])
      cpSync(join(projectRoot, 'build', part), join(copy, part), { recursive: true });
    symlinkSync(join(projectRoot, 'node_modules'), join(copy, 'node_modules'));
    cpSync(join(projectRoot, 'package.json'), join(copy, 'package.json'));
    const program = `export PROGRAM=${copy}/test/fixtures/keep-plan.js`;
    for (const change of ['mv new package.json', 'touch src/cli/main-program.cjs', 'rm src/cli/main-program.cjs']) {
      expect((await host.keep(program)).why).to.equal(undefined);
      expect(await host.isFresh()).to.be.true;
      await host.sh(`cd ${copy}; cp -p package.json new; ${change}`);
      expect(await host.isFresh(), change).to.be.false;
    }
    rmSync(join(runtime.dir, 'rnetns'), { recursive: true });
  });

  it('names every file that was opened or asked for while it was made', async function () {
    requires(this, 'ptrace', 'pasta');
    const { env, dir } = freshRuntimeDir(this);
    const calls = join(mkdtempSync(join(tmpdir(), 'kept-calls-')), 'calls');
    onTestEnd(() => rmSync(dirname(calls), { recursive: true, force: true }));
    await sleep(OLD_MS);
    const { status, stdout, stderr } = await run(
      ['-qq', '-o', calls, '-e', 'trace=%file', process.execPath, KEEP_PLAN],
      {
        env,
        file: findProgram('strace') ?? 'strace',
      },
    );
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const { paths, values, driver } = JSON.parse(stdout) as Kept;
    const lines = readFileSync(calls, 'utf8').split('\n');
    const asked = lines.flatMap((line) => [...line.matchAll(/"([^"]*)"/g)].map(([, path = '']) => path));
    // Of Node itself, of this package and the state; programs are started in processes of their own.
    const others = [
      '/proc',
      '/sys',
      '/dev',
      '/lib',
      '/lib64',
      '/usr/lib',
      '/usr/share',
      '/etc/ssl',
      projectRoot,
      dir,
      realpathSync(dir),
    ];
    const isOther = (path: string): boolean =>
      !path.startsWith('/') ||
      path.startsWith('/etc/ld.so.') ||
      others.some(
        (other) => path === other || path.startsWith(`${other}/`) || `${other}/`.startsWith(path.replace(/\/*$/, '/')),
      );
    const forgotten = [...new Set(asked)].filter((path) => !isOther(path) && !paths.includes(path));
    expect(forgotten).to.deep.equal([]);
    expect(paths).to.include.members(['/etc/resolv.conf', '/etc/subuid', '/etc/rnetns/rnetns.conf', driver ?? '']);
    expect(asked).to.include.members(['/etc/resolv.conf', '/etc/subuid']);
    expect(values).to.include.members([
      'PATH',
      'HOME',
      'XDG_CONFIG_HOME',
      'RNETNS_CONFIG',
      'RNETNS_LOG_LEVEL',
      'rn_config',
    ]);
    rmSync(join(dir, 'rnetns'), { recursive: true });
  });

  it('rnetns plan lists what it was made from, and says what differs', async function () {
    requires(this, 'pasta');
    const { env, dir, configure } = freshRuntimeDir(this);
    interface Planned {
      inputs: { kind: string; name: string; value: string | null }[];
      keptPlan: { path: string; state: string; differs: string[]; unkeepable: string | null };
    }
    const plan = async (): Promise<Planned> => JSON.parse((await run(['plan', '--json'], { env })).stdout) as Planned;
    await sleep(OLD_MS);
    const none = await plan();
    expect(none.keptPlan).to.deep.equal({
      path: join(realpathSync(dir), 'rnetns/.outside/.plan.default'),
      state: 'none',
      differs: [],
      unkeepable: null,
    });
    expect(existsSync(join(dir, 'rnetns'))).to.be.false;
    expect(none.inputs).to.deep.include({ kind: 'value', name: 'RNETNS_CONFIG', value: '' });
    expect(none.inputs).to.deep.include({ kind: 'directory', name: '/etc', value: null });
    const settings = none.inputs.find(
      ({ name }) => name.endsWith('.config/rnetns/rnetns.conf') || name.endsWith('config/rnetns/rnetns.conf'),
    );
    expect(settings?.kind).to.equal('missing');

    await run([KEEP_PLAN], { env, file: process.execPath });
    configure('[rnetns]\nlinger = 1\n');
    const stale = await plan();
    // The program that keeps it here is another one than the one that looks.
    expect(stale.keptPlan.state).to.equal('stale');
    expect(stale.keptPlan.differs).to.include(settings?.name);
    expect(stale.keptPlan.differs.filter((name) => !name.startsWith(projectRoot))).to.deep.equal([settings?.name]);
    expect(stale.keptPlan.unkeepable).to.equal(`${settings?.name ?? ''} was changed a moment ago`);
    const { stdout } = await run(['plan'], { env });
    expect(stdout)
      .to.match(/^kept plan {4}stale, for these differ: /m)
      .and.match(/^inputs$/m);
    expect(stdout).to.match(/^ {2}directory {2}\/etc$/m);
    rmSync(join(dir, 'rnetns'), { recursive: true });
  });

  it('is nowhere where the runtime directory is the one in /tmp', async function () {
    requires(this, 'pasta');
    const { env } = freshRuntimeDir(this);
    const runtime = join(mkdtempSync(join(tmpdir(), 'kept-tmp-')), 'rnetns-4711');
    onTestEnd(() => rmSync(dirname(runtime), { recursive: true, force: true }));
    mkdirSync(runtime, { mode: 0o700 });
    const { stdout } = await run([KEEP_PLAN], { env: { ...env, XDG_RUNTIME_DIR: runtime }, file: process.execPath });
    expect((JSON.parse(stdout) as Kept).why).to.equal('the runtime directory is in /tmp');
    expect(existsSync(join(runtime, 'rnetns/.outside'))).to.be.false;
  });
});
