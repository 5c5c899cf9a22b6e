/** Which programs `setup` and `teardown` start on a namespace that is up: a container runtime pays with each container. */

import { expect } from 'chai';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findProgram, requires } from '../fixtures/requirements.js';
import { launcher, projectRoot, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** The link that npm makes, beside a package that is one itself. */
function linkedBy(npm: { link: string; target: string; package: string }): string {
  const prefix = mkdtempSync('/tmp/rnetns-prefix-');
  onTestEnd(() => rmSync(prefix, { recursive: true, force: true }));
  const link = join(prefix, npm.link);
  for (const path of [link, join(prefix, npm.package)]) mkdirSync(dirname(path), { recursive: true });
  symlinkSync(projectRoot, join(prefix, npm.package));
  symlinkSync(npm.target, link);
  return link;
}

const WAYS: [string, () => string][] = [
  ['by its own name', () => launcher],
  [
    'as npm install --global links it',
    () =>
      linkedBy({
        link: 'bin/rnetns',
        target: '../lib/node_modules/rnetns/scripts/rnetns',
        package: 'lib/node_modules/rnetns',
      }),
  ],
  [
    'as npm install links it',
    () =>
      linkedBy({
        link: 'node_modules/.bin/rnetns',
        target: '../rnetns/scripts/rnetns',
        package: 'node_modules/rnetns',
      }),
  ],
];

describe('the warm path, called', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ptrace');
  });

  for (const [way, path] of WAYS) {
    it(`${way}: setup starts no process, teardown one, and the last one two`, async function () {
      const runtime = freshRuntimeDir(this);
      runtime.configure('[rnetns]\nlinger = 0\n');
      const keep = await startCommand(runtime);
      const file = path();
      const trace = join(runtime.dir, '../trace');
      /** What makes a process, and what becomes another program, after the call itself. */
      const started = async (...args: string[]): Promise<string[]> => {
        const calls = 'trace=execve,fork,vfork,clone,clone3';
        const strace = ['-f', '-qq', '-e', calls, '-e', 'signal=none', '-o', trace];
        const { status, stderr } = await run([...strace, file, ...args], {
          env: runtime.env,
          file: findProgram('strace') ?? 'strace',
        });
        expect({ status, stderr }, args.join(' ')).to.deep.equal({ status: 0, stderr: '' });
        const lines = readFileSync(trace, 'utf8').split('\n').slice(1);
        // Shells differ in how they fork. What isn't in a directory of PATH is tried there all the same (execvp(3)).
        return lines.flatMap((line) => {
          if (line.endsWith('ENOENT (No such file or directory)')) return [];
          const [, call, program] = /^\d+ +(\w+)\((?:"([^"]*)")?/.exec(line) ?? [];
          return call === undefined ? [] : call === 'execve' ? `execute ${program ?? ''}` : 'fork';
        });
      };
      // The first one makes the directory.
      expect((await run(['setup', '--id', 'first'], { env: runtime.env, file })).status).to.equal(0);
      expect(await started('setup', '--id', 'second'), 'setup').to.deep.equal([]);
      expect(await started('teardown', '--id', 'second'), 'teardown').to.deep.equal([
        'fork',
        `execute ${findProgram('find') ?? ''}`,
      ]);
      expect(await started('teardown', '--id', 'unknown'), 'teardown of what is not there').to.deep.equal([]);
      expect((await run(['netns', 'add', 'web'], { env: runtime.env, file })).status).to.equal(0);
      const execute = (program: string): string => `execute ${findProgram(program) ?? ''}`;
      const entering = await started('netns', 'exec', 'web', findProgram('true') ?? '');
      // Its own /sys takes as many mounts as the host has on its one.
      expect(
        entering.filter((act) => !['fork', execute('mount'), execute('umount')].includes(act)),
        'netns exec',
      ).to.deep.equal(['cat', 'nsenter', 'nsenter', 'unshare', 'nsenter', 'sh', 'true'].map(execute));
      expect((await run(['netns', 'delete', 'web'], { env: runtime.env, file })).status).to.equal(0);
      expect(await started('teardown', '--id', 'first'), 'the last teardown, while a command runs').to.deep.equal([
        ...['fork', execute('find')],
        ...['fork', execute('dd')],
      ]);
      await keep.finish();
      await gone(runtime);
    });
  }
});
