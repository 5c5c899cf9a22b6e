/** What the command of `run` gets: its arguments, input, environment, descriptors and identity are the caller's. */

import { expect } from 'chai';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requires } from '../fixtures/requirements.js';
import { launcher, run, spawnRnetns, type Background } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { printed } from '../fixtures/netns-facts.js';
import { commandLine, waitFor } from '../fixtures/processes.js';
import { onTestEnd } from '../fixtures/test-end.js';

const SHOW_ARGS = ['sh', '-c', 'printf "%s\\0" "$@"', 'sh'];

/** Variables as `env -0` prints them. */
function variables(text: string): Map<string, string> {
  return new Map(
    text
      .split('\0')
      .slice(0, -1)
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
}

describe('run: the command', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('gets its arguments unchanged', async function () {
    const { env } = freshRuntimeDir(this);
    const args = [
      ...['two words', '  ', 'line\nfeed\n', '\n', '$HOME', '$(id)', '`id`', '${x:-y}', '-n', '--', '--help', '-c', ''],
      ...['"', "'", '\\', '\\n', '*', '~', 'ü€𝄞', '\x01\x7f', ';', '&', '|', '>', '#', '!', '{a,b}', '=', 'a=b', ''],
    ];
    for (const separator of [['--'], []]) {
      const { status, stdout, stderr } = await run(['run', ...separator, ...SHOW_ARGS, ...args], { env });
      expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
      expect(stdout.split('\0').slice(0, -1)).to.deep.equal(args);
    }
  });

  it('gets the options that stand behind it, also those that rnetns has', async function () {
    const { env } = freshRuntimeDir(this);
    const { stdout } = await run(['run', 'printf', '%s\n', '--name', 'x', '--help', '-n'], { env });
    expect(stdout).to.equal('--name\nx\n--help\n-n\n');
  });

  it('gets an argument of 100 KB and 5,000 arguments', async function () {
    const { env } = freshRuntimeDir(this);
    const args = ['x'.repeat(100_000), ...Array.from({ length: 5000 }, (_, index) => `${index}`)];
    const { stdout } = await run(['run', '--', ...SHOW_ARGS, ...args], { env });
    expect(stdout.split('\0').slice(0, -1)).to.deep.equal(args);
  });

  it('gets stdin, cold and warm', async function () {
    const { env } = freshRuntimeDir(this);
    const input = Buffer.alloc(300_000, 'line of input\n').toString();
    for (const when of ['cold', 'warm']) {
      const { stdout } = await run(['run', '--', 'cat'], { env, input });
      expect(stdout === input, `${when}: ${stdout.length} of ${input.length} bytes`).to.be.true;
    }
  });

  it('sees end-of-file on stdin when the caller closes it', async function () {
    const { env } = freshRuntimeDir(this);
    const { status } = await run(
      ['-c', 'exec <&-; exec "$1" run -- sh -c "! [ -e /proc/self/fd/0 ]"', 'sh', launcher],
      {
        env,
        file: '/bin/sh',
      },
    );
    expect(status).to.equal(0);
  });

  it('keeps stdout and stderr apart', async function () {
    const { env } = freshRuntimeDir(this);
    const { stdout, stderr } = await run(['run', '--', 'sh', '-c', 'echo out; echo err >&2'], { env });
    expect({ stdout, stderr }).to.deep.equal({ stdout: 'out\n', stderr: 'err\n' });
  });

  /*
   * Known limits, as the launcher is sh: dash passes no variable on whose name is no identifier (`a-b`, `x.y`; bash,
   * and so sh of Fedora or Arch, does), and every sh sets IFS, OPTIND and PPID anew.
   */
  it('gets the environment unchanged, but for what is documented', async function () {
    const { env } = freshRuntimeDir(this);
    const odd = {
      ...{ EMPTY: '', SPACES: '  a  b  ', NEWLINE: 'a\nb\n', DOLLAR: '$HOME `id`', QUOTES: `'"\\`, EQUALS: 'a=b=c' },
      ...{ ENV: '/nonexistent', PS1: '$ ', LC_ALL: 'C', UTF8: 'ü€𝄞', DBUS_SESSION_BUS_ADDRESS: 's' },
      // Names that the launcher has for variables of its own.
      ...{
        name: 'n',
        dir: 'd',
        base: 'b',
        runtime: 'r',
        fd: 'f',
        user: 'u',
        net: 'x',
        verb: 'v',
        root: '/x',
        lease: 'l',
      },
      ...{
        gen: 'g',
        keeper: 'k',
        supervisor: 's',
        outer: 'o',
        inner: 'i',
        found: 'f',
        rest: 'r',
        arg: 'a',
      },
      ...{
        config: 'c',
        level: 'l',
        help: 'h',
        seen: 's',
        skip: 's',
        lease_fd: '7',
        target: 't',
        status: 's',
        lock_fd: 'l',
      },
      ...{
        uid: 'u',
        key: 'k',
        value: 'v',
        driver: 'd',
        magic: 'm',
        end: 'e',
        RNETNS_OWN: '1',
        _: '/bin/x',
        count: 'c',
      },
    };
    const given = { ...env, ...odd, DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/run/dbus/system_bus_socket' };
    const outside = variables((await run(['-0'], { env: given, file: '/usr/bin/env' })).stdout);
    for (const when of ['cold', 'warm']) {
      const { stdout, stderr } = await run(['run', '--', '/usr/bin/env', '-0'], { env: given });
      expect(stderr).to.equal('');
      const inside = variables(stdout);
      const expected = new Map(outside);
      expected.set('PATH', `${outside.get('PATH')!}:/usr/sbin`);
      expected.delete('DBUS_SYSTEM_BUS_ADDRESS');
      // sh sets these two by itself.
      for (const name of ['PWD', 'OLDPWD']) {
        if (inside.has(name) && !outside.has(name)) inside.delete(name);
      }
      expect(Object.fromEntries(inside), when).to.deep.equal(Object.fromEntries(expected));
    }
  });

  it('gets a PATH with /usr/sbin once', async function () {
    const { env } = freshRuntimeDir(this);
    const PATH = '/usr/sbin:/usr/bin:/bin';
    const { stdout } = await run(['run', '--', 'sh', '-c', 'echo "$PATH"'], { env: { ...env, PATH } });
    expect(stdout).to.equal(`${PATH}\n`);
  });

  it('has uid and gid 0, all capabilities, and the pid of the launcher', async function () {
    const { env } = freshRuntimeDir(this);
    const inside = spawnRnetns(['run', '--', 'sh', '-c', 'id -u; id -g; echo $$; exec sleep 60'], { env });
    await printed(inside, /\d+\n\d+\n\d+\n/);
    expect(inside.stdout()).to.equal(`0\n0\n${inside.pid}\n`);
    await waitFor(() => commandLine(inside.pid).join(' ') === 'sleep 60', { what: 'the command to become sleep' });
    const { stdout } = await run(['run', '--', 'grep', 'CapEff', '/proc/self/status'], { env });
    expect(stdout).to.match(/^CapEff:\s*0000[0-9a-f]*f{8}$/m);
  });

  it('may do as root in its network what users may not', async function () {
    const { env } = freshRuntimeDir(this);
    const script =
      'ip link add v7 type veth peer name v8 && ip -o link show v7 && echo 1 >/proc/sys/net/ipv4/ip_forward';
    const { status, stdout, stderr } = await run(['run', '--', 'sh', '-c', script], { env });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(stdout).to.include('v7@v8');
    expect(readFileSync('/proc/self/net/dev', 'utf8')).to.not.include('v7:');
  });

  it("gets the caller's descriptors 3 and 9 with what is in them, cold and warm", async function () {
    const { env } = freshRuntimeDir(this);
    const dir = mkdtempSync(join(tmpdir(), 'rnetns-fd-'));
    onTestEnd(() => rmSync(dir, { recursive: true }));
    const [three, nine] = [join(dir, 'three'), join(dir, 'nine')];
    writeFileSync(three, 'of three\n');
    writeFileSync(nine, '');
    for (const when of ['cold', 'warm']) {
      const script =
        'exec 3<"$2" 9>>"$3"; exec "$1" run -- sh -c "cat <&3; readlink /proc/self/fd/3 /proc/self/fd/9; echo to nine >&9"';
      const { stdout, stderr } = await run(['-c', script, 'sh', launcher, three, nine], { env, file: '/bin/sh' });
      expect({ stdout, stderr }, when).to.deep.equal({ stdout: `of three\n${three}\n${nine}\n`, stderr: '' });
    }
    expect(readFileSync(nine, 'utf8')).to.equal('to nine\nto nine\n');
  });

  it('with all of the descriptors 3 to 9 taken is refused with a hint', async function () {
    const { env } = freshRuntimeDir(this);
    const script = 'exec 3</dev/null 4<&3 5<&3 6<&3 7<&3 8<&3 9<&3; exec "$1" run -- echo ran';
    const { status, stdout, stderr } = await run(['-c', script, 'sh', launcher], { env, file: '/bin/sh' });
    expect({ status, stdout }).to.deep.equal({ status: 125, stdout: '' });
    expect(stderr).to.match(/^rnetns: .*descriptor.*\nhint: /);
  });

  it("gets no descriptor but the caller's and the lease", async function () {
    const { env } = freshRuntimeDir(this);
    // Not sleep(1): a program that starts opens files of its own for a moment.
    const waiting = ['-c', 'echo up; read -r _'];
    const descriptors = async (command: Background): Promise<Map<string, string>> => {
      await printed(command, 'up\n');
      const dir = `/proc/${command.pid}/fd`;
      return new Map(readdirSync(dir).map((fd) => [fd, readlinkSync(`${dir}/${fd}`)]));
    };
    // What the test was started with may have more than 0, 1 and 2.
    const plain = await descriptors(spawnRnetns(waiting, { env, file: '/bin/sh' }));
    for (const when of ['cold', 'warm']) {
      const inside = await descriptors(spawnRnetns(['run', '--', 'sh', ...waiting], { env }));
      const more = [...inside].filter(([fd]) => !plain.has(fd)).map(([, link]) => link);
      expect(more, `${when}: ${more.join(' ')}`).to.have.lengthOf(1);
      expect(more[0], when).to.match(/\/lease\.[^/]+$/);
    }
  });
});
