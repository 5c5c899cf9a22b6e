/** The library as another program has it: from dist, by the package's own entry point. */

import { expect } from 'chai';
import { once } from 'node:events';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { requires } from '../fixtures/requirements.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';

const { RootlessNetns, RnetnsError } = (await import(
  pathToFileURL(join(process.cwd(), 'dist/index.js')).href
)) as typeof import('../../src/index.js');

describe('the library', () => {
  const runtimeDir = process.env.XDG_RUNTIME_DIR;

  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta');
    process.env.XDG_RUNTIME_DIR = freshRuntimeDir(this).dir;
  });

  afterEach(() => {
    process.env.XDG_RUNTIME_DIR = runtimeDir;
  });

  it('runs a program in the namespace, as a subprocess of execa', async () => {
    const netns = RootlessNetns.open({ name: 'lab' });
    const { stdout, exitCode } = await netns.run('sh', ['-c', 'read line; echo "$line by $(id -u)"; exit 7'], {
      input: 'asked\n',
      reject: false,
    });
    expect({ stdout, exitCode }).to.deep.equal({ stdout: 'asked by 0', exitCode: 7 });
    const status = await netns.status();
    expect(status.state).to.equal('running');
    expect(netns.info()?.addresses).to.deep.equal(status.addresses);
  });

  it("has a subprocess whose pid and end are the program's own", async () => {
    const subprocess = RootlessNetns.open().run('sh', ['-c', 'echo $$; exec sleep 60'], { reject: false });
    const [line] = (await once(subprocess.stdout ?? expect.fail('no stdout'), 'data')) as [Buffer];
    expect(line.toString()).to.equal(`${subprocess.pid ?? 0}\n`);
    subprocess.kill('SIGTERM');
    expect((await subprocess).signal).to.equal('SIGTERM');
  });

  it('makes nothing when it is opened, and refuses a bad name', async () => {
    expect((await RootlessNetns.open().status()).state).to.equal('down');
    expect(RootlessNetns.open().info()).to.equal(undefined);
    expect(() => RootlessNetns.open({ name: '../x' })).to.throw(RnetnsError, 'bad name');
  });
});
