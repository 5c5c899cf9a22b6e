/** What the caller brings along: the command gets it unchanged; our own Node and what stays don't. */

import { expect } from 'chai';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectOurs } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { partsOf, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** The launcher after `setUp`, shell code of the caller. */
function after(setUp: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<RunResult> {
  return run(['-c', `${setUp}\nexec "$0" "$@"`, launcher, ...args], { env, file: '/bin/bash' });
}

function fresh(context: Mocha.Context): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure('[rnetns]\nlinger = 0\n');
  return runtime;
}

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'rnetns-caller-'));
  onTestEnd(() => {
    chmodSync(directory, 0o700);
    rmSync(directory, { recursive: true });
  });
  return directory;
}

describe('the caller', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'unprivileged');
  });

  for (const [name, value] of [
    ['NODE_OPTIONS', '--require /gone.js'],
    ['NODE_OPTIONS', '--inspect-brk=127.0.0.1:0'],
    ['NODE_DEBUG', 'fs,child_process'],
    ['NODE_V8_COVERAGE', '/nonexistent/coverage'],
    ['NODE_CHANNEL_FD', '3'],
    ['NODE_UNIQUE_ID', '1'],
    ['OPENSSL_CONF', '/nonexistent'],
    ['LD_DEBUG', 'bogus'],
    ['CDPATH', '/usr:/'],
  ] as const) {
    it(`with ${name}=${value} has a command that sees it, and Node doesn't`, async function () {
      const { env } = fresh(this);
      const given = { ...env, [name]: value };
      const command = ['run', '--', 'sh', '-c', `printf %s "$${name}"`];
      const { status, stdout, stderr } = await run(command, { env: given });
      expect({ status, stdout }).to.deep.equal({ status: 0, stdout: value });
      if (name !== 'LD_DEBUG') expect(stderr).to.equal('');
      for (const args of [['status'], ['cni', 'list'], ['stop']]) {
        expectOurs(await run(args, { env: given }));
      }
    });
  }

  for (const limit of [
    '-n 12',
    '-n 13',
    '-n 14',
    '-n 20',
    '-n 32',
    '-n 48',
    '-n 64',
    '-v 100000',
    '-v 700000',
    '-f 0',
    '-i 0',
    '-s 256',
  ]) {
    it(`with ulimit ${limit} gets work done or a word of ours, cold and warm, and leaves no lock`, async function () {
      const runtime = fresh(this);
      const { env } = runtime;
      for (const args of [['run', 'true'], ['status'], ['cni', 'list'], ['setup', '--id', 'x'], ['stop', '--force']]) {
        expectOurs(await after(`ulimit ${limit}`, args, env));
      }
      const other = await startCommand(runtime);
      // What rnetns has no part in any more, the command's own start, is the limit's.
      for (const args of [['run', 'true'], ['status']]) expectOurs(await after(`ulimit ${limit}`, args, env), [0, 139]);
      await other.finish();
    });
  }

  it('with fewer descriptors than a shell needs to read a script hears what it lacks, and fails', async function () {
    const { env } = fresh(this);
    for (let count = 3; count < 12; count += 1) {
      const { status, stderr } = await after(`ulimit -n ${count}`, ['run', 'true'], env);
      // The words are those of ld.so and of the shell; ours follow as soon as our script is read.
      expect({ count, status, stderr }).to.satisfy(() => status !== 0 && stderr !== '');
      if (stderr.includes('scripts/rnetns: ')) {
        expect(status, stderr).to.equal(125);
        expect(stderr).to.match(/^rnetns: .*descriptor.*\nhint: .*ulimit -n\n$/m);
      }
    }
  });

  it('with few processes left gets work done or a word of ours, and leaves no lock', async function () {
    const { env } = fresh(this);
    const count = `n=0; for p in /proc/[0-9]*; do [ -O $p ] && for t in $p/task/*; do n=$((n + 1)); done; done`;
    for (const more of [1, 2, 6, 8, 10, 12, 14]) {
      for (const args of [['run', 'true'], ['setup', '--id', 'x'], ['status'], ['stop', '--force']]) {
        const result = await after(`${count}; ulimit -u $((n + ${more})) || exit 125`, args, env);
        expect(result.timedOut, `${more} more: ${args.join(' ')}`).to.be.false;
        // What bash says of itself: others of this user are started at the same time.
        if (!/^\/bin\/bash: /m.test(result.stderr)) expectOurs(result, [0]);
      }
    }
    expect((await run(['run', '--', 'true'], { env })).status).to.equal(0);
  });

  it('has soft limits of its own; what stays has the hard ones', async function () {
    const runtime = freshRuntimeDir(this);
    const command = ['run', '--', 'sh', '-c', 'ulimit -n; ulimit -t'];
    const { stdout } = await after('ulimit -Sn 300; ulimit -St 60', command, runtime.env);
    expect(stdout).to.equal('300\n60\n');
    for (const pid of Object.values(partsOf(runtime))) {
      const text = readFileSync(`/proc/${pid}/limits`, 'latin1');
      for (const title of ['Max cpu time', 'Max open files']) {
        const [soft, hard] = new RegExp(`^${title} +(\\S+) +(\\S+)`, 'm').exec(text)?.slice(1) ?? [];
        expect(soft, `${title} of ${pid}`).to.equal(hard);
      }
    }
  });

  it('that is nice, on one CPU and to be killed first keeps that to itself; what stays is named', async function () {
    const runtime = freshRuntimeDir(this);
    const { env } = runtime;
    // It is looked at again and again after the command has ended.
    runtime.configure('[rnetns]\nlinger = 60\n');
    const wrap = ['nice', '-n', '15', 'taskset', '-c', '0', 'choom', '-n', '700', '--', '"$0" "$@"'].join(' ');
    const told = 'cat /proc/self/oom_score_adj; nice; sed -n "s/^Cpus_allowed_list:.//p" /proc/self/status';
    const args = ['-c', `ulimit -n 300; exec ${wrap}`, launcher, 'run', '--', 'sh', '-c', told];
    expect((await run(args, { env, file: '/bin/bash' })).stdout).to.equal('700\n15\n0\n');
    const ours = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    for (const pid of Object.values(partsOf(runtime))) {
      expect(Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'latin1'))).to.be.below(700);
      expect(readFileSync(`/proc/${pid}/status`, 'latin1')).to.include(`Cpus_allowed_list:\t${ours ?? ''}\n`);
    }
    expect((await run(['status'], { env })).stdout).to.match(/limited .*300 open files.*niceness 15/);
    const { limits } = JSON.parse((await run(['status', '--json'], { env })).stdout) as { limits: unknown[] };
    expect(limits).to.deep.include({ name: 'nofile', value: 300 });
    expect((await run(['doctor', '--check', 'limits'], { env })).stdout).to.match(/warning +limits .*300 open files/);
  });

  it('with any umask sees the same modes inside', async function () {
    const { env, configure } = freshRuntimeDir(this);
    configure('[network]\nnetwork_backend = cni\n[rnetns]\nlinger = 0\n');
    for (const umask of ['022', '027', '077', '0777']) {
      const command = ['run', '--', 'stat', '-Lc', '%a', '/run', '/etc/resolv.conf', '/var/lib/cni'];
      const { stdout, stderr } = await after(`umask ${umask}`, command, env);
      expect(stdout, stderr).to.equal('755\n644\n755\n');
      await run(['stop', '--force'], { env });
    }
  });

  it('in a directory that it may not search gets the command run in /, and a word', async function () {
    const { env } = fresh(this);
    const closed = temporary();
    for (const verb of ['run', 'unshare', 'run']) {
      chmodSync(closed, 0o700);
      const { status, stdout, stderr } = await after(`cd ${closed}; chmod 0 .`, [verb, '--', 'pwd'], env);
      expect({ status, stdout }).to.deep.equal({ status: 0, stdout: '/\n' });
      expect(stderr).to.match(/^rnetns: the current directory is closed to this user: running in \/\n$/);
      for (const args of [['status'], ['list'], ['stop', '--force']]) {
        chmodSync(closed, 0o700);
        expectOurs(await after(`cd ${closed}; chmod 0 .`, args, env));
      }
    }
  });

  it('without access to HOME has the settings of the other places, and a warning', async function () {
    const { env } = fresh(this);
    const home = temporary();
    chmodSync(home, 0);
    const given = { ...env, HOME: home, XDG_CONFIG_HOME: undefined };
    const { status, stderr } = await run(['run', '--', 'true'], { env: given });
    expect(status).to.equal(0);
    expect(stderr).to.match(
      /^\S+ rnetns warn: no settings were read from .*rnetns\.conf: permission denied \(EACCES\)\n$/,
    );
    for (const args of [['status'], ['list'], ['stop', '--force']]) {
      const result = await run(args, { env: given });
      expect({ status: result.status, stderr: result.stderr }).to.deep.equal({ status: 0, stderr: '' });
    }
  });

  it('with any of its first descriptors closed gets its command run', async function () {
    const { env } = fresh(this);
    for (const closed of ['<&-', '>&-', '2>&-', '<&- >&- 2>&-']) {
      const result = await after(`exec ${closed}`, ['run', '--', 'true'], env);
      expect(result.status, closed).to.equal(0);
    }
  });

  it('with no program in PATH gets its command run on a namespace that is up, or a word', async function () {
    const runtime = fresh(this);
    const other = await startCommand(runtime);
    const empty = await run(['run', '--', '/bin/echo', 'ran'], { env: { ...runtime.env, PATH: '' } });
    expect({ status: empty.status, stdout: empty.stdout }).to.deep.equal({ status: 0, stdout: 'ran\n' });
    const wrong = await run(['run', '--', '/bin/echo', 'ran'], { env: { ...runtime.env, PATH: '/nonexistent' } });
    expect(wrong.status).to.equal(125);
    expect(wrong.stderr).to.match(/^rnetns: cannot start: nsenter was not found in PATH\nhint: /);
    await other.finish();
  });

  it('with RNETNS_CONFIG is not asked about it again on a namespace that is newer', async function () {
    const runtime = fresh(this);
    const RNETNS_CONFIG = join(temporary(), 'own.conf');
    writeFileSync(RNETNS_CONFIG, '[rnetns]\nlinger = 1\n');
    utimesSync(RNETNS_CONFIG, 1, 1);
    const given = { ...runtime.env, RNETNS_CONFIG };
    const other = await startCommand({ ...runtime, env: given });
    // Without node in PATH: a check would need it.
    const bin = join(temporary(), 'bin');
    mkdirSync(bin);
    const script = `mkdir -p ${bin}; ln -s /usr/bin/nsenter /usr/bin/unshare /usr/bin/true ${bin}; PATH=${bin}`;
    const warm = await after(script, ['run', '--', 'true'], given);
    expect({ status: warm.status, stderr: warm.stderr }).to.deep.equal({ status: 0, stderr: '' });
    writeFileSync(RNETNS_CONFIG, '[rnetns]\nlingr = 1\n');
    const wrong = await run(['run', '--', 'true'], { env: given });
    expect(wrong.status).to.equal(125);
    expect(wrong.stderr).to.include('did you mean');
    await other.finish();
  });

  it('that names a settings file that is not there is told so by every command', async function () {
    const runtime = fresh(this);
    const other = await startCommand(runtime);
    for (const args of [
      ...[
        ['run', 'true'],
        ['unshare', 'true'],
        ['setup', '--id', 'x'],
        ['teardown', '--id', 'x'],
        ['lock', 'true'],
      ],
      ...[['repair'], ['status'], ['list'], ['ps'], ['path'], ['stop'], ['config'], ['plan'], ['netns', 'list']],
      ...[
        ['netns', 'add', 'x'],
        ['cni', 'list'],
      ],
    ]) {
      const { status, stderr } = await run([...args.slice(0, 1), '--config', '/nope', ...args.slice(1)], {
        env: runtime.env,
      });
      expect(status, args.join(' ')).to.equal(125);
      expect(stderr, args.join(' ')).to.match(/^rnetns: reading settings failed on \/nope \(--config\): /);
    }
    await other.finish();
  });
});

describe('a state directory', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'unprivileged');
  });

  for (const mode of [0o000, 0o300, 0o500]) {
    it(`of mode ${mode.toString(8)} is named as what cannot be used`, async function () {
      const { env, stateDir } = fresh(this);
      mkdirSync(stateDir(), { recursive: true, mode: 0o700 });
      chmodSync(stateDir(), mode);
      onTestEnd(() => chmodSync(stateDir(), 0o700));
      for (const args of [['run', 'true'], ['stop'], ['repair'], ['setup', '--id', 'x']]) {
        const result = await run(args, { env });
        expectOurs(result, []);
        expect(result.stderr)
          .to.include(stateDir())
          .and.match(/chmod 700/);
      }
    });
  }

  for (const [words, why] of [
    ['3: No locks available', 'No locks available'],
    ['3: Input/output error', 'Input/output error'],
  ] as const) {
    it(`that the kernel can't lock ("${why}") is told as that, at once`, async function () {
      const { env } = fresh(this);
      const bin = temporary();
      chmodSync(bin, 0o755);
      writeFileSync(join(bin, 'flock'), `#!/bin/sh\necho 'flock: ${words}' >&2\nexit 71\n`, { mode: 0o755 });
      const PATH = `${bin}:${env.PATH ?? ''}`;
      for (const args of [
        ['run', 'true'],
        ['setup', '--id', 'x'],
      ]) {
        const result = await run(args, { env: { ...env, PATH } });
        expectOurs(result, []);
        expect(result.stderr).to.match(new RegExp(`^rnetns: locking \\S+ failed: ${why}\\nhint: `));
      }
    });
  }

  it('in which no FIFO can be made is told as that', async function () {
    const { env } = fresh(this);
    const bin = temporary();
    chmodSync(bin, 0o755);
    const words = "mkfifo: cannot create fifo 'x': No space left on device";
    writeFileSync(join(bin, 'mkfifo'), `#!/bin/sh\necho "${words}" >&2\nexit 1\n`, { mode: 0o755 });
    const result = await run(['run', 'true'], { env: { ...env, PATH: `${bin}:${env.PATH ?? ''}` } });
    expectOurs(result, []);
    expect(result.stderr).to.match(
      /^rnetns: cannot make a FIFO in \S+: No space left on device\nhint: free some space/,
    );
  });
});

describe('node', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'unprivileged');
  });

  it('that never begins is ended, said, and leaves no lock', async function () {
    const { env } = fresh(this);
    const bin = temporary();
    chmodSync(bin, 0o755);
    writeFileSync(
      join(bin, 'node'),
      `#!/bin/sh\ncase $* in *ensure*) exec sleep 60 ;; esac\nexec ${process.execPath} "$@"\n`,
      {
        mode: 0o755,
      },
    );
    const given = { ...env, PATH: `${bin}:${env.PATH ?? ''}`, RNETNS_NODE_SECONDS: '1' };
    const result = await run(['run', 'true'], { env: given });
    expectOurs(result, []);
    expect(result.stderr).to.include('making the namespace failed');
    expect((await run(['run', 'true'], { env })).status).to.equal(0);
  });
});
