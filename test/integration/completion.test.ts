/** `rnetns completion` in the real shells: what they offer, with no process of rnetns started for it. */

import { expect } from 'chai';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requires } from '../fixtures/requirements.js';
import { projectRoot, run } from '../fixtures/rnetns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** What stands on the line, and what is offered in place of its last word; FILE is a file, DIR the directory it is in. */
const OFFERED: [string, string[]][] = [
  ['rnetns ru', ['run']],
  ['rnetns net', ['netavark', 'netns']],
  ['rnetns run --na', ['--name']],
  ['rnetns --log-level ', ['debug', 'error', 'info', 'warn']],
  ['rnetns graph --format=s', ['svg']],
  ['rnetns -n ', ['default', 'lab-1']],
  ['rnetns stop --name=la', ['lab-1']],
  ['rnetns netns del', ['delete']],
  ['rnetns netns delete ', ['db', 'web']],
  ['rnetns -n lab-1 netns exec ', ['inlab']],
  ['rnetns netns --name=lab-1 pids ', ['inlab']],
  ['rnetns netns add ', []],
  ['rnetns teardown --id ', ['id-1', 'pid-9']],
  ['rnetns teardown --id id-1 --jso', ['--json']],
  ['rnetns cni add ', ['one-line', 'rnetns']],
  ['rnetns cni add rnetns id-1 FILE', ['FILE']],
  ['rnetns --config FILE', ['FILE']],
  ['rnetns completion ', [...SHELLS].sort()],
  ['rnetns help netn', ['netns']],
  ['rnetns path ', ['netns', 'resolv.conf', 'state']],
  ['rnetns shell ', []],
  ['rnetns status -- ', []],
  ['rnetns run own-to', ['own-tool']],
  ['rnetns run -n lab-1 -- own-to', ['own-tool']],
  ['rnetns netns exec web own-to', ['own-tool']],
  ['rnetns run -- own-tool FILE', ['FILE']],
];

describe('completion', () => {
  for (const shell of SHELLS) {
    it(`${shell}: commands, options, names, files, and what CMD takes; starts no program of rnetns`, async function () {
      requires(this, shell);
      const scene = makeScene();
      expect(await scene.complete(shell, OFFERED)).to.deep.equal(OFFERED);
      expect(existsSync(scene.called), 'node or rnetns was called').to.be.false;
      expect(existsSync(scene.harmed), 'a name was executed').to.be.false;
    });

    it(`${shell}: offers no names, and says nothing, where there are none`, async function () {
      requires(this, shell);
      const scene = makeScene({ empty: true });
      const lines: [string, string[]][] = [
        ['rnetns -n ', []],
        ['rnetns netns delete ', []],
        ['rnetns teardown --id ', []],
        ['rnetns cni add ', []],
        ['rnetns stop --for', ['--force']],
      ];
      expect(await scene.complete(shell, lines)).to.deep.equal(lines);
    });
  }

  it('bash: arguments of CMD are those of its own completion, where bash-completion is installed', async function () {
    const file = '/usr/share/bash-completion/bash_completion';
    requires(this, 'bash');
    if (!existsSync(file)) this.skip();
    const scene = makeScene();
    const own = 'complete -W "--of-its-own" own-tool';
    const lines: [string, string[]][] = [['rnetns run -n lab-1 -- own-tool --of', ['--of-its-own']]];
    expect(await scene.complete('bash', lines, { BASH_COMPLETION: file }, own)).to.deep.equal(lines);
  });

  it('an unknown shell and none are wrong usage', async () => {
    for (const args of [['completion', 'tcsh'], ['completion']]) {
      const { status, stdout, stderr } = await run(args);
      expect({ status, stdout }).to.deep.equal({ status: 2, stdout: '' });
      expect(stderr).to.match(/shell/);
    }
  });
});

type Offers = [string, string[]][];

/** Directories as namespaces have them, with names in them that no shell may run; and programs that must not be called. */
function makeScene({ empty = false } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'rnetns-completion-'));
  onTestEnd(() => rmSync(dir, { recursive: true }));
  const [called, harmed] = [join(dir, 'called'), join(dir, 'harmed')];
  const runtime = join(dir, 'runtime');
  const lists = join(dir, 'config/cni/net.d');
  const programs = join(dir, 'bin');
  for (const each of [runtime, programs, lists, join(dir, 'home')]) mkdirSync(each, { recursive: true, mode: 0o700 });
  const file = join(dir, 'only-file');
  writeFileSync(file, '');
  for (const name of ['node', 'rnetns']) writeFileSync(join(programs, name), `#!/bin/sh\n: >${called}\n`);
  writeFileSync(join(programs, 'own-tool'), '#!/bin/sh\n');
  for (const name of ['node', 'rnetns', 'own-tool']) chmodSync(join(programs, name), 0o755);
  if (!empty) {
    const hostile = ['$(touch harmed)', '`touch harmed`', 'two words', "a'b", '-x', '.hidden'];
    for (const [name, netns, references, tied] of [
      ['default', ['web', 'db'], ['id-1'], ['pid-9']],
      ['lab-1', ['inlab'], ['in-lab'], []],
    ] as const) {
      for (const [below, files] of Object.entries({ netns, references, tied })) {
        mkdirSync(join(runtime, 'rnetns', name, below), { recursive: true });
        for (const each of [...files, ...hostile]) writeFileSync(join(runtime, 'rnetns', name, below, each), '');
      }
    }
    for (const each of hostile) mkdirSync(join(runtime, 'rnetns', each));
    writeFileSync(join(lists, 'a.conflist'), '{\n  "cniVersion": "1.0.0",\n  "name": "rnetns",\n  "plugins": [] }\n');
    writeFileSync(join(lists, 'b.conf'), '{"name":"one-line","type":"bridge","x":{"name":"inner"}}');
    writeFileSync(join(lists, 'c.json'), '{"name": "$(touch harmed)"}');
    writeFileSync(join(lists, 'd.conflist'), 'no JSON');
    writeFileSync(join(lists, 'e.txt'), '{"name":"other"}');
  }
  const env = {
    PATH: `${programs}:${process.env.PATH ?? ''}`,
    HOME: join(dir, 'home'),
    TERM: 'xterm',
    LC_ALL: 'C.UTF-8',
    TMPDIR: dir,
    XDG_RUNTIME_DIR: runtime,
    XDG_CONFIG_HOME: join(dir, 'config'),
  };

  /** What the shell offers for each of the lines. */
  async function complete(shell: string, lines: Offers, more: NodeJS.ProcessEnv = {}, before = ''): Promise<Offers> {
    const printed = await run(['completion', shell]);
    expect({ status: printed.status, stderr: printed.stderr }).to.deep.equal({ status: 0, stderr: '' });
    const script = join(dir, `script.${shell}`);
    writeFileSync(script, `${before}\n${printed.stdout}`);
    const driver = join(projectRoot, 'test/fixtures/completion', `complete.${shell}`);
    const typed = lines.map(([line]) => line.replace('FILE', file.slice(0, -1)));
    const options = shell === 'zsh' ? ['-f'] : [];
    const { status, stdout, stderr } = await run([...options, driver, script, ...typed], {
      file: `/usr/bin/${shell}`,
      env: { ...env, ...more },
      cwd: dir,
      timeoutMs: 50_000,
    });
    expect({ status, stderr }, stdout).to.deep.equal({ status: 0, stderr: '' });
    const answers = stdout.split('\n');
    return lines.map(([line], index) => {
      // zsh shows the words before it as well; bash only what is after the `=`, the others the whole word.
      const kept = shell === 'zsh' ? (typed[index] ?? '').split(' ').length - 1 : 0;
      const offered = (answers[index] ?? '')
        .split(' ')
        .slice(kept)
        .filter((word) => word !== '');
      const words = offered.map((word) => word.replace(/^--[a-z-]+=/, '').replace(file, 'FILE'));
      return [line, [...new Set(words)].sort()];
    });
  }
  return { complete, called, harmed };
}
