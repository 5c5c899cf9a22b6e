/** Debian 12 has Node.js 18, Ubuntu 22.04 has 12; and where there are several, PATH may lead to the wrong one, or to none. */

import { expect } from 'chai';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, requires } from '../fixtures/requirements.js';
import { launcher, projectRoot, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { onTestEnd } from '../fixtures/test-end.js';

const MESSAGE = /cannot start: .* is Node\.js 18\.20\.4, and 20\.19 or newer is needed/;
const HINT = /^hint: install Node\.js 20\.19 or newer .*PATH/m;

function directory(runtime: RuntimeDir, name: string): string {
  return mkdtempSync(join(runtime.dir, '..', `${name}-`));
}

/** A directory with a `node` that is this one, but takes itself for Node.js 18. */
function oldNode(runtime: RuntimeDir): string {
  const bin = directory(runtime, 'old');
  const preload = join(bin, 'old.cjs');
  writeFileSync(preload, "Object.defineProperty(process, 'versions', { value: { node: '18.20.4' } });\n");
  const node = `#!/bin/sh\n[ "$1" != --version ] || exec echo v18.20.4\nexec ${process.execPath} --require ${preload} "$@"\n`;
  writeFileSync(join(bin, 'node'), node);
  chmodSync(join(bin, 'node'), 0o755);
  return bin;
}

/** PATH with the old one first, or with the programs that rnetns needs, but no node at all. */
function paths(runtime: RuntimeDir): Record<'an older one' | 'none', string> {
  // Not in the runtime directory: commands don't see the programs in there.
  const without = mkdtempSync(join(tmpdir(), 'rnetns-none-'));
  onTestEnd(() => rmSync(without, { recursive: true }));
  for (const dir of ['/usr/sbin', '/usr/bin', '/bin']) {
    for (const name of readdirSync(dir)) {
      if (name.startsWith('node')) continue;
      try {
        symlinkSync(join(dir, name), join(without, name));
      } catch {
        // In both.
      }
    }
  }
  return { 'an older one': `${oldNode(runtime)}:${process.env.PATH ?? ''}`, none: without };
}

/** A link as npm makes it, with a good node beside it. */
function linked(runtime: RuntimeDir): string {
  const bin = directory(runtime, 'version');
  symlinkSync(process.execPath, join(bin, 'node'));
  symlinkSync(launcher, join(bin, 'rnetns'));
  return join(bin, 'rnetns');
}

describe('an older Node.js', () => {
  for (const args of [
    ['run', '--', 'true'],
    ['setup', '--id', 'a'],
    ['doctor'],
    ['status'],
    ['ps'],
    ['cni', 'list'],
    ['netavark', 'setup', '/nowhere'],
  ]) {
    it(`${args.join(' ')}: is named, with what to do, and nothing is left`, async function () {
      requires(this, 'userns', 'tun', 'pasta');
      const runtime = freshRuntimeDir(this);
      const env = { ...runtime.env, PATH: paths(runtime)['an older one'] };
      const { status, stdout, stderr } = await run(args, { env });
      expect({ status, stdout }).to.deep.equal({ status: 125, stdout: '' });
      expect(stderr).to.match(MESSAGE).and.match(HINT);
      expect(stderr.trim().split('\n')).to.have.lengthOf(2);
      expect(readdirSync(runtime.dir)).to.deep.equal([]);
    });
  }

  it('with --json the error is an object; a --json of the command is not ours', async function () {
    requires(this, 'userns', 'tun', 'pasta');
    const runtime = freshRuntimeDir(this);
    const env = { ...runtime.env, PATH: paths(runtime)['an older one'] };
    const { stderr } = await run(['run', '--json', '--', 'true'], { env });
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string; hint: string } };
    expect(error.code).to.equal('ERR_PROGRAM_MISSING');
    expect(error.message).to.match(MESSAGE);
    expect((await run(['run', '--', 'true', '--json'], { env })).stderr).to.match(/^rnetns: /);
  });

  for (const script of ['start.sh', 'test.sh', 'setup.sh']) {
    it(`scripts/dev/${script} names it before anything is made`, async function () {
      const runtime = freshRuntimeDir(this);
      const env = { ...runtime.env, PATH: paths(runtime)['an older one'] };
      const { status, stderr } = await run([join(projectRoot, 'scripts/dev', script)], { env, file: 'sh' });
      expect(status).to.equal(1);
      expect(stderr).to.match(/Node\.js 20\.19 or newer is needed, and .*node has v18\.20\.4/);
      expect(stderr).to.not.match(/npm|build/);
    });
  }
});

describe('several Node.js', () => {
  for (const found of ['an older one', 'none'] as const) {
    it(`PATH has ${found}: the one beside the launcher's link does it`, async function () {
      requires(this, 'userns', 'tun', 'pasta');
      const runtime = freshRuntimeDir(this);
      const env = { ...runtime.env, PATH: paths(runtime)[found] };
      const file = linked(runtime);
      const { status, stdout, stderr } = await run(['run', '--', 'echo', 'inside'], { env, file });
      expect({ status, stdout, stderr }).to.deep.equal({ status: 0, stdout: 'inside\n', stderr: '' });
      expect((await run(['list'], { env, file })).stderr).to.equal('');
    });
  }

  it("PATH's is used where it will do", async function () {
    const runtime = freshRuntimeDir(this);
    const bin = oldNode(runtime);
    symlinkSync(launcher, join(bin, 'rnetns'));
    const { status, stderr } = await run(['list'], { env: runtime.env, file: join(bin, 'rnetns') });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
  });
});

describe('npm run build', () => {
  /** A checkout whose build is of three steps that do as they are told. */
  function checkout(runtime: RuntimeDir, bundle: string): string {
    const root = directory(runtime, 'checkout');
    mkdirSync(join(root, 'scripts/dev'), { recursive: true });
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
    symlinkSync(join(projectRoot, 'scripts/dev/build.sh'), join(root, 'scripts/dev/build.sh'));
    writeFileSync(join(root, 'package.json'), JSON.stringify({ scripts: { 'docs:man': 'true' } }));
    // tsc -p FILE --outDir DIRECTORY
    writeFileSync(join(root, 'node_modules/.bin/tsc'), '#!/bin/sh\n: >"$4/index.js"\n', { mode: 0o755 });
    writeFileSync(join(root, 'scripts/dev/build-cli.mjs'), bundle);
    return root;
  }
  const build = (root: string, env: NodeJS.ProcessEnv) =>
    run([join(root, 'scripts/dev/build.sh')], { file: 'sh', cwd: root, env });

  it('a build that fails half-way leaves none behind that could be taken for whole', async function () {
    const runtime = freshRuntimeDir(this);
    const root = checkout(runtime, 'process.exit(3);\n');
    expect((await build(root, runtime.env)).status).to.equal(3);
    expect(readdirSync(root).sort()).to.deep.equal(['node_modules', 'package.json', 'scripts']);
  });

  it('a build that fails leaves the one before it as it was', async function () {
    const runtime = freshRuntimeDir(this);
    const root = checkout(runtime, 'process.exit(3);\n');
    mkdirSync(join(root, 'dist'));
    writeFileSync(join(root, 'dist/old'), '');
    await build(root, runtime.env);
    expect(readdirSync(join(root, 'dist'))).to.deep.equal(['old']);
  });

  it('a build takes the place of the one before it, and says that it is whole', async function () {
    if (findProgram('npm') === undefined) this.skip();
    const runtime = freshRuntimeDir(this);
    const root = checkout(runtime, '');
    mkdirSync(join(root, 'dist'));
    writeFileSync(join(root, 'dist/old'), '');
    const { status, stderr } = await build(root, runtime.env);
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(readdirSync(join(root, 'dist')).sort()).to.deep.equal(['.built', 'index.js']);
    expect(readdirSync(root).sort()).to.deep.equal(['dist', 'node_modules', 'package.json', 'scripts']);
  });
});
