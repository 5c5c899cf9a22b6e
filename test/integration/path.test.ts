/** `rnetns path`: where the namespace is, outside and inside, and what it says when there is none. */

import { expect } from 'chai';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { act, lingering } from '../fixtures/references.js';
import { expectRefused } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { gone, killNow, netnsOfNewRun, partsOf, startCommand, visibleLauncher } from '../fixtures/shared-netns.js';

interface Paths {
  netns: string;
  resolvConf: string;
  state: string;
}

describe('rnetns path', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it('outside names files that can be used, all together and each', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const { stdout } = await act(runtime, 'path', '--json');
    const paths = JSON.parse(stdout) as Paths;
    expect(Object.keys(paths)).to.deep.equal(['netns', 'resolvConf', 'state']);
    expect(paths.state).to.equal(runtime.stateDir());
    expect(paths.resolvConf).to.equal(join(runtime.stateDir(), 'resolv.conf'));
    expect(readFileSync(paths.resolvConf, 'utf8')).to.match(/^nameserver /m);
    expect(readlinkSync(paths.netns), paths.netns).to.equal(`net:[${command.netns}]`);
    for (const [which, key] of [
      ['netns', 'netns'],
      ['resolv.conf', 'resolvConf'],
      ['state', 'state'],
    ] as const) {
      expect(await act(runtime, 'path', which)).to.deep.equal({ status: 0, stdout: `${paths[key]}\n`, stderr: '' });
      expect(JSON.parse((await act(runtime, 'path', which, '--json')).stdout)).to.equal(paths[key]);
      expect((await act(runtime, 'path')).stdout).to.match(new RegExp(`^${which} +${paths[key]}$`, 'm'));
    }
    const user = `--user=/proc/${partsOf(runtime).keeper}/ns/user`;
    const entered = await run(
      [user, `--net=${paths.netns}`, '--preserve-credentials', 'readlink', '/proc/self/ns/net'],
      {
        env: runtime.env,
        file: 'nsenter',
      },
    );
    expect(entered.stdout, entered.stderr).to.equal(`net:[${command.netns}]\n`);
    await command.finish();
    await gone(runtime);
  });

  it('in `rnetns unshare` names the file that the namespace is mounted on', async function () {
    const runtime = lingering(this, 0);
    const launcher = visibleLauncher();
    const command = await startCommand(runtime);
    const { status, stdout, stderr } = await act(
      runtime,
      ...[
        'unshare',
        '--',
        'sh',
        '-c',
        '"$0" path netns; nsenter --net="$("$0" path netns)" readlink /proc/self/ns/net',
      ],
      launcher,
    );
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(stdout).to.equal(`${join(runtime.stateDir(), 'rootless-netns')}\nnet:[${command.netns}]\n`);
    await command.finish();
    await gone(runtime);
  });

  it('names the namespace with its keeper dead, once that is mended', async function () {
    const runtime = lingering(this, 0);
    const command = await startCommand(runtime);
    const { keeper, supervisor } = partsOf(runtime);
    // Or it would have another keeper before we have asked.
    process.kill(supervisor, 'SIGSTOP');
    await killNow(keeper);
    expectRefused(await run(['path'], { env: runtime.env }), /is down/);
    process.kill(supervisor, 'SIGCONT');
    expect(await netnsOfNewRun(runtime)).to.equal(command.netns);
    const { stdout } = await act(runtime, 'path', 'netns');
    expect(readlinkSync(stdout.trim())).to.equal(`net:[${command.netns}]`);
    await command.finish();
    await gone(runtime);
  });

  it('where nothing is up says so, in words and as JSON, and makes nothing', async function () {
    const runtime = lingering(this, 0);
    for (const args of [['path'], ['path', 'netns'], ['path', 'state', '--name', 'other']]) {
      expectRefused(await run(args, { env: runtime.env }), /there is no namespace (default|other): it is down/);
      const { status, stdout, stderr } = await act(runtime, ...args, '--json');
      expect({ status, stdout }).to.deep.equal({ status: 125, stdout: '' });
      const { error } = JSON.parse(stderr) as { error: { code: string; hint: string } };
      expect(error.code).to.equal('ERR_DOWN');
      expect(error.hint).to.match(/run|setup/);
    }
    expect(await act(runtime, 'path', 'nothing')).to.include({ status: 2, stdout: '' });
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
  });
});

describe('an error as JSON', function () {
  /** Nothing but one object on stderr. */
  async function expectJson(runtime: ReturnType<typeof lingering>, args: string[], status: number, code: string) {
    const result = await act(runtime, ...args);
    expect({ status: result.status, stdout: result.stdout }, args.join(' ')).to.deep.equal({ status, stdout: '' });
    const { error } = JSON.parse(result.stderr) as { error: Record<string, unknown> };
    expect(Object.keys(error)).to.deep.equal(['code', 'message', 'hint']);
    expect(error.code).to.equal(code);
    expect(error.message)
      .to.be.a('string')
      .and.not.match(/\n|^rnetns:/);
  }

  it('comes from run, shell and unshare', async function () {
    const runtime = lingering(this, 0);
    await expectJson(runtime, ['run', '--json', '--', '/no/such "x\\y'], 127, 'ERR_COMMAND');
    await expectJson(runtime, ['--json', 'run', '--', '/tmp'], 126, 'ERR_COMMAND');
    await expectJson(runtime, ['run', '--json'], 2, 'ERR_USAGE');
    await expectJson(runtime, ['run', '--json', '--name', '../x', '--', 'true'], 2, 'ERR_USAGE');
    await expectJson(runtime, ['shell', '--json', 'word'], 2, 'ERR_USAGE');
    await expectJson(runtime, ['unshare', '--json', '--config', '/no/such', '--', 'true'], 125, 'ERR_CONFIG');
    runtime.configure('[engine]\nnetwork_cmd_path = /bin/false\n');
    await expectJson(runtime, ['run', '--json', '--', 'true'], 125, 'ERR_DRIVER');
    runtime.configure('');
    await gone(runtime);
  });

  it('comes from stop', async function () {
    requires(this, 'userns', 'tun', 'pasta');
    const runtime = lingering(this, 0);
    await expectJson(runtime, ['stop', '--json', '--nonsense'], 2, 'ERR_USAGE');
    await expectJson(runtime, ['stop', '--json', '--name', 'a/b'], 2, 'ERR_USAGE');
    const command = await startCommand(runtime);
    await expectJson(runtime, ['stop', '--json'], 125, 'ERR_IN_USE');
    await command.finish();
    expect(await act(runtime, 'setup', '--id', 'a')).to.include({ status: 0 });
    await expectJson(runtime, ['stop', '--json'], 125, 'ERR_IN_USE');
    expect(await act(runtime, 'stop', '--force', '--json')).to.include({ status: 0, stderr: '' });
    await gone(runtime);
  });
});
