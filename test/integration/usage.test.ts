/** Help is on stdout with status 0; a wrong command line is 2, on stderr, with a hint, and makes nothing. */

import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';

const COMMANDS = ['run', 'shell', 'unshare', 'status', 'list', 'stop', 'plan', 'config', 'repair', 'cni', 'netavark'];

describe('the command line', () => {
  it('--help names every command, on stdout, with status 0', async function () {
    const { env } = freshRuntimeDir(this);
    for (const args of [['--help'], ['-h'], ['help']]) {
      const { status, stdout, stderr } = await run(args, { env });
      expect({ status, stderr }, args.join(' ')).to.deep.equal({ status: 0, stderr: '' });
      for (const command of COMMANDS) expect(stdout).to.match(new RegExp(`^  ${command}\\b`, 'm'));
    }
  });

  for (const command of COMMANDS) {
    it(`${command} --help tells its usage and options, on stdout, with status 0`, async function () {
      const { env, dir } = freshRuntimeDir(this);
      for (const args of [
        [command, '--help'],
        [command, '-h'],
        ['help', command],
      ]) {
        const { status, stdout, stderr } = await run(args, { env });
        expect({ status, stderr }, args.join(' ')).to.deep.equal({ status: 0, stderr: '' });
        expect(stdout).to.match(new RegExp(`^Usage: rnetns ${command}\\b`));
        for (const option of ['--name', '--config', '--log-level', '--help']) expect(stdout).to.include(option);
      }
      expect(existsSync(join(dir, 'rnetns'))).to.be.false;
    });
  }

  it('without a command it is the help on stderr, with status 2', async function () {
    const { env } = freshRuntimeDir(this);
    const { status, stdout, stderr } = await run([], { env });
    expect({ status, stdout }).to.deep.equal({ status: 2, stdout: '' });
    expect(stderr)
      .to.match(/^Usage: rnetns /)
      .and.include('run');
  });

  for (const args of [['--json'], ['--json', 'sysctl'], ['help', 'nosuch', '--json'], ['run', '--json']]) {
    it(`\`rnetns ${args.join(' ')}\` is one JSON error, and no help`, async function () {
      const { env } = freshRuntimeDir(this);
      const { status, stdout, stderr } = await run(args, { env });
      expect({ status, stdout }).to.deep.equal({ status: 2, stdout: '' });
      expect((JSON.parse(stderr) as { error: { code: string } }).error.code).to.equal('ERR_USAGE');
    });
  }

  for (const verb of ['setup', 'teardown']) {
    it(`\`rnetns ${verb} web\` is told that an id is an option`, async function () {
      const { env, dir } = freshRuntimeDir(this);
      const { status, stderr } = await run([verb, 'web'], { env });
      const hint = `did you mean --id web? rnetns ${verb} --help`;
      expect({ status, stderr }).to.deep.equal({
        status: 127,
        stderr: `rnetns: cannot run web: it is not in PATH\nhint: ${hint}\n`,
      });
      expect(existsSync(join(dir, 'rnetns'))).to.be.false;
    });
  }

  it('--version is that of package.json', async function () {
    const { env } = freshRuntimeDir(this);
    const { status, stdout } = await run(['--version'], { env });
    expect(status).to.equal(0);
    expect(stdout).to.match(/^\d+\.\d+\.\d+\S*\n$/);
  });

  for (const args of [
    ['frobnicate'],
    ['cni', 'frobnicate'],
    ['cni', 'add', 'network'],
    ['cni', 'gc', 'network', '--frobnicate'],
    ['netavark', 'setup'],
    ['netns', 'list', 'more'],
    ['run'],
    ['run', '--'],
    ['run', '--frobnicate', 'true'],
    ['run', '-x', 'true'],
    ['run', '--name'],
    ['run', '--config'],
    ['unshare'],
    ['shell', 'bash'],
    ['status', 'extra'],
    ['status', '--frobnicate'],
    ['status', '--name'],
    ['status', '--log-level', 'loud', '--json'],
    ['list', 'extra'],
    ['stop', 'extra'],
    ['stop', '--frob'],
    ['plan', '--frob'],
    ['config', 'extra'],
    ['--frobnicate', 'run', 'true'],
    ['--frobnicate'],
  ]) {
    it(`\`rnetns ${args.join(' ')}\` is wrong usage`, async function () {
      const { env, dir } = freshRuntimeDir(this);
      const { status, stdout, stderr } = await run(args, { env });
      expect(status, stderr).to.equal(2);
      // podman reads what netavark says on stdout.
      if (args[0] === 'netavark') expect(JSON.parse(stdout)).to.have.property('error').that.includes('netns');
      else expect(stdout).to.equal('');
      if (args.includes('--json')) {
        const { error } = JSON.parse(stderr) as { error: Record<string, unknown> };
        expect(error.code).to.equal('ERR_USAGE');
      } else expect(stderr).to.match(/^rnetns: .+\nhint: .+\n$/);
      expect(existsSync(join(dir, 'rnetns'))).to.be.false;
    });
  }

  for (const [args, message, hint] of [
    [['netns', 'remove', 'web'], "unknown command 'remove' of netns", 'did you mean delete? rnetns netns --help'],
    [['netns', 'deletee', 'web'], "unknown command 'deletee' of netns", 'did you mean delete? rnetns netns --help'],
    [
      ['netns', '-n', 'lab', 'lsit', '--frob'],
      "unknown command 'lsit' of netns",
      'did you mean list? rnetns netns --help',
    ],
    [['cni', 'bogus'], "unknown command 'bogus' of cni", 'rnetns cni --help'],
    [['sysctl', 'verfy'], "unknown command 'verfy' of sysctl", 'did you mean verify? rnetns sysctl --help'],
    [['statsu'], "unknown command 'statsu'", 'did you mean status? rnetns --help'],
    [['ls'], "unknown command 'ls'", 'did you mean list? rnetns --help'],
    [['exec', 'true'], "unknown command 'exec'", 'did you mean run? rnetns --help'],
    [['version'], "unknown command 'version'", 'did you mean --version? rnetns --help'],
    [['xy'], "unknown command 'xy'", 'rnetns --help'],
    [['help', 'nosuch'], "unknown command 'nosuch'", 'rnetns --help'],
    [['help', 'stat'], "unknown command 'stat'", 'did you mean status? rnetns --help'],
    [['help', 'netns', 'lsit'], "unknown command 'lsit' of netns", 'did you mean list? rnetns netns --help'],
    [['netns', 'help', 'nosuch'], "unknown command 'nosuch' of netns", 'rnetns netns --help'],
    [['stop', 'lab'], 'stop: takes no argument, but got lab', 'did you mean -n lab? rnetns stop --help'],
    [['stop', 'force'], 'stop: takes no argument, but got force', 'did you mean --force? rnetns stop --help'],
    [['status', 'lab', 'two'], 'status: takes no argument, but got lab', 'did you mean -n lab? rnetns status --help'],
    [['list', 'lab'], 'list: takes no argument, but got lab', 'did you mean status -n lab? rnetns list --help'],
    [['repair', 'lab'], 'repair: takes no argument, but got lab', 'did you mean -n lab? rnetns repair --help'],
    [['graph', 'svg'], 'graph: takes no argument, but got svg', 'did you mean --format svg? rnetns graph --help'],
    [['config', 'lab'], 'config: takes no argument, but got lab', 'rnetns config --help'],
    [
      ['shell', 'zsh'],
      'shell: takes no command, but got zsh',
      'did you mean run -- zsh, or -n zsh? rnetns shell --help',
    ],
    [['netns', 'add', 'a', 'b'], 'netns add: takes no more arguments, but got b', 'rnetns netns add --help'],
    [['run', '--nmae', 'x', 'true'], 'run: unknown option --nmae', 'did you mean --name? rnetns run --help'],
    [['run', '--nmae=x', 'true'], 'run: unknown option --nmae', 'did you mean --name? rnetns run --help'],
    [['run', '-x', 'true'], 'run: unknown option -x', 'rnetns run --help'],
    [
      ['run', '--verbose', 'true'],
      'run: unknown option --verbose',
      'did you mean --log-level debug? rnetns run --help',
    ],
    [['setup', '--pidd', '3'], 'setup: unknown option --pidd', 'did you mean --pid? rnetns setup --help'],
    [['lock', '--jsno', 'true'], 'lock: unknown option --jsno', 'did you mean --json? rnetns lock --help'],
    [
      ['netns', 'exec', '--namee', 'lab', 'web', 'true'],
      'netns exec: unknown option --namee',
      'did you mean --name? rnetns netns exec --help',
    ],
    [['--nmae', 'x', 'run', 'true'], "unknown option '--nmae'", 'did you mean --name? rnetns --help'],
    [['netns', '--frob'], "unknown option '--frob'", 'rnetns netns list --help'],
    [['netns', 'list', '--jso'], "unknown option '--jso'", 'did you mean --json? rnetns netns list --help'],
    [['netns', 'pids'], "missing required argument 'name'", 'rnetns netns pids --help'],
    [['netns', 'exec', 'web'], 'netns exec: needs a command', 'rnetns netns exec --help'],
    [['netns', 'del'], 'netns delete: needs a name', 'rnetns netns delete --help'],
    [['cni', 'add'], "missing required argument 'network'", 'rnetns cni add --help'],
  ] as const) {
    it(`\`rnetns ${args.join(' ')}\` is told which command is wrong, and whose help to read`, async function () {
      const { env } = freshRuntimeDir(this);
      const { status, stderr } = await run(args, { env });
      expect({ status, stderr }).to.deep.equal({ status: 2, stderr: `rnetns: ${message}\nhint: ${hint}\n` });
    });
  }

  for (const [args, usage] of [
    [['netns', 'add', '--help'], 'add'],
    [['netns', 'del', '-h'], 'delete|del'],
    [['netns', 'exec', 'web', '--help'], 'exec'],
  ] as const) {
    it(`\`rnetns ${args.join(' ')}\` is the help of that command`, async function () {
      const { env } = freshRuntimeDir(this);
      const { status, stdout } = await run(args, { env });
      expect({ status, usage: stdout.split(' ', 4).join(' ') }).to.deep.equal({
        status: 0,
        usage: `Usage: rnetns netns ${usage}`,
      });
    });
  }

  it('options may stand before the command, and --json before or behind it', async function () {
    const { env } = freshRuntimeDir(this);
    const { status, stdout } = await run(['--name', 'lab', 'status', '--json'], { env });
    expect(status).to.equal(0);
    expect((JSON.parse(stdout) as { name: string }).name).to.equal('lab');
    expect((await run(['-nlab', 'status'], { env })).stdout).to.equal('lab: down\n');
  });
});
