import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Script } from 'node:vm';
import { projectRoot } from '../../fixtures/rnetns.js';
import { onTestEnd } from '../../fixtures/test-end.js';

const built = join(projectRoot, 'dist/cli');
const programs = readdirSync(built).flatMap((file) => /^(.*program)\.cjs$/.exec(file)?.[1] ?? []);

/** A package whose dist/cli can be damaged. */
function copy(): string {
  const root = mkdtempSync(join(tmpdir(), 'rnetns-load-'));
  onTestEnd(() => rmSync(root, { recursive: true }));
  cpSync(built, join(root, 'dist/cli'), { recursive: true });
  cpSync(join(projectRoot, 'package.json'), join(root, 'package.json'));
  return join(root, 'dist/cli');
}

function version(directory: string): string {
  const { stdout, stderr } = spawnSync(process.execPath, [join(directory, 'main.cjs'), '--version'], {
    encoding: 'utf8',
  });
  return stdout + stderr;
}

function compilerOf(directory: string): (name: string, cachedData: Buffer) => Script {
  const loaded = createRequire(import.meta.url)(join(directory, 'load.cjs')) as {
    compile: (name: string, cachedData: Buffer) => Script;
  };
  return loaded.compile;
}

describe('the programs of dist/cli', () => {
  for (const name of programs) {
    it(`are taken as the build has compiled them, with all their functions: ${name}`, () => {
      const cache = join(built, `${name}.cache`);
      expect(compilerOf(built)(name, readFileSync(cache)).cachedDataRejected).to.be.false;
      // Without the functions it is half as long as the text.
      expect(statSync(cache).size).to.be.above(statSync(join(built, `${name}.cjs`)).size);
    });
  }

  it("import nothing, which the compiled form can't", () => {
    for (const name of programs) {
      expect(readFileSync(join(built, `${name}.cjs`), 'latin1'), name).not.to.match(/(?<![\w.$])import\(/);
    }
  });

  it('are read as text where the compiled form is of another Node.js, or missing', () => {
    const { version: own } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
    const directory = copy();
    // Of a file that V8 has compiled already in this process it looks at no compiled form: of the copy it has none.
    const compile = compilerOf(directory);
    for (const name of ['main-program', 'program']) {
      const cache = readFileSync(join(directory, `${name}.cache`));
      // V8's version is the second word.
      cache.writeUInt8(cache.readUInt8(4) ^ 1, 4);
      writeFileSync(join(directory, `${name}.cache`), cache);
      expect(compile(name, cache).cachedDataRejected).to.be.true;
    }
    expect(version(directory)).to.equal(`${own}\n`);
    for (const name of programs) rmSync(join(directory, `${name}.cache`));
    expect(version(directory)).to.equal(`${own}\n`);
  });

  it('name themselves in a stack', () => {
    const directory = copy();
    const broken = readFileSync(join(directory, 'main-program.cjs'), 'latin1').replace(
      /runToEnd\(async\(\)=>\{/,
      '$&null.x;',
    );
    writeFileSync(join(directory, 'main-program.cjs'), broken);
    expect(version(directory)).to.match(new RegExp(`${directory}/main-program\\.cjs:\\d+:\\d+`));
  });
});
