/** Every rule that stands in sh and in TypeScript, because the warm path starts no Node: both must say the same. */

import { expect } from 'chai';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { allCommands } from '../../src/cli/program.js';
import { removeBase, runtimeDirectory } from '../../src/config/runtime-dir.js';
import { referenceArguments } from '../../src/library/references.js';
import { statStateDirectory, StateDirectory } from '../../src/state/directory.js';
import { hostUid } from '../../src/state/host-uid.js';
import { identifyProcess } from '../../src/state/process.js';
import { ID, readRefCount } from '../../src/state/references.js';
import { checkName, ownUid } from '../../src/state/runtime.js';
import { waitFor } from '../fixtures/processes.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { projectRoot } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { answers, shFunctions } from '../fixtures/sh-functions.js';
import { gone, partsOf, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

function freshDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rules-')));
  onTestEnd(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** `yes`, or `refused` when it throws. */
function verdict(act: () => unknown): string {
  try {
    act();
    return 'yes';
  } catch {
    return 'refused';
  }
}

const WORDS = [
  ...['default', 'a', 'A9', '0', 'a.b', 'a_b', 'a-b', 'a..', 'a'.repeat(64), 'a'.repeat(65), 'a'.repeat(128)],
  ...['a'.repeat(129), '', '-', '-a', '.', '..', '.a', '_a', 'a/b', '/', 'a b', ' a', 'a\n', 'a\nb', 'a\tb', 'ä', 'aä'],
  ...['$HOME', '*', 'a*', '[a]', 'a\\b', "a'b", 'a"b', 'a`b`', 'a;b', '１', 'a:b', 'a@b', 'a+b', 'a,b', 'a=b', '!a'],
];

/** Of scripts/rnetns, to find the runtime directory. */
const FINDING = [
  ...['find_base', 'real_path', 'follow_links', 'own_directory', 'own_fallback', 'is_private', 'silently'],
  ...['cannot_fork', 'no_descriptors'],
];

/** As rnetns calls the runtime directory that it makes. */
const MADE_NAMES = ['rnetns-1000', 'rnetns-10/rnetns-5'];

describe('a rule that stands in sh and in TypeScript', function () {
  it('what a name is', () => {
    const sh = answers(`${shFunctions('rnetns', 'is_name')}is_name "$1" && printf yes`, WORDS);
    expect(sh).to.deep.equal(WORDS.map((word) => verdict(() => checkName(word))));
    expect(new Set(sh)).to.have.lengthOf(2);
  });

  it('what an id is', () => {
    // Without one, and with an empty one, the options of setup decide.
    const words = WORDS.filter((word) => word !== '');
    const code = `usage() { exit 1; }\nrn_nets='' rn_pid='' rn_id=$1
      ${shFunctions('references.sh', 'check_reference', 'is_count')}check_reference && printf yes`;
    expect(answers(code, words)).to.deep.equal(words.map((word) => (ID.test(word) ? 'yes' : 'refused')));
  });

  it('for how many networks a reference counts', () => {
    const values = ['1', '9', '10', '9999999', '10000000', '0', '-1', '1.5', '1e3', 'x', '99999999999999999999'];
    const sh = answers(`${shFunctions('references.sh', 'is_count')}is_count "$1" && printf yes`, values);
    const numbers = values.map(Number);
    // What is a number for both; how it is written only sh sees.
    const ts = numbers.map((nets) => verdict(() => referenceArguments('setup', nets, null, { id: 'a' })));
    expect(sh.filter((_, index) => values[index] !== '1e3')).to.deep.equal(
      ts.filter((_, index) => values[index] !== '1e3'),
    );
  });

  it('which options take a value', () => {
    const launcher = readFileSync(join(projectRoot, 'scripts', 'rnetns'), 'utf8');
    const lists = [...launcher.matchAll(/^ +(-n \| --name(?: \| --?[a-z-]+)*)\)/gm)].map(([, list = '']) =>
      list.split(' | ').sort(),
    );
    const verbs = ['run', 'shell', 'unshare', 'setup', 'teardown', 'lock', 'repair'];
    const own = allCommands()
      .filter((command) => verbs.includes(command.name()))
      .flatMap(({ options }) => options)
      .filter((option) => option.required && !option.hidden)
      .flatMap(({ long }) => long ?? []);
    const all = [...new Set(['-n', '--name', '--config', '--log-level', ...own])].sort();
    expect(lists.length).to.be.greaterThan(1);
    for (const list of lists) expect(list.filter((word) => word.length > 2 || word === '-n')).to.include.members(all);
  });

  it('what `ref-count` says', () => {
    const directory = freshDirectory();
    const state = new StateDirectory(directory, 'default');
    mkdirSync(state.path);
    const texts = [
      ...['0', '1', '12', '999999999999', '1000000000000', '01', '-1', '+1', '1.0', '', ' ', 'x', '1x', '1 2', '0x1'],
      ...['1\n', '1\n\n', '\n1\n', ' 1 \n', '1\n2\n', '9'.repeat(21), '\u0000'],
    ];
    const code = `rn_dir=${state.path} rn_scripts=${join(projectRoot, 'scripts')}\nunlock_state() { :; }\nrefuse() { exit 1; }
      printf '%s' "$1" >"$rn_dir/ref-count"
      ${shFunctions('references.sh', 'read_count')}
      read_count && printf '%s' "$rn_count"`;
    const words = texts.filter((text) => !text.includes('\u0000'));
    expect(answers(code, words)).to.deep.equal(
      words.map((text) => {
        writeFileSync(state.refCount, text);
        return String(readRefCount(state) ?? 'refused');
      }),
    );
    rmSync(state.refCount);
    expect(readRefCount(state)).to.equal(0);
    mkdirSync(state.refCount);
    expect(readRefCount(state)).to.equal(undefined);
  });

  it('where the runtime directory is, however it is spelled', () => {
    const root = freshDirectory();
    const own = join(root, 'own');
    mkdirSync(join(own, 'below'), { recursive: true });
    mkdirSync(join(root, 'a b'));
    mkdirSync(join(root, 'end\n'));
    symlinkSync('own', join(root, 'link'));
    symlinkSync(join(root, 'link'), join(root, 'chain'));
    symlinkSync(root, join(own, 'up'));
    symlinkSync('/usr', join(root, 'foreign'));
    symlinkSync('nowhere', join(root, 'dangling'));
    symlinkSync('loop', join(root, 'loop'));
    writeFileSync(join(root, 'file'), '');
    const spellings = [
      ...['/own', '/own/', '/own//', '//own', '/./own', '/own/.', '/own/below/..', '/own/below/../../own', '/link'],
      ...['/link/', '/chain', '/chain/below/..', '/own/up/link/up/own', '/a b', '/end\n', '/a b/../own/'],
      ...['/foreign', '/dangling', '/loop', '/file', '/file/', '/nothing', '/own/nothing', '/own/nothing/..'],
    ].map((path) => root + path);
    const all = [...spellings, '/', '//', '/usr', 'own', './own', '.'];
    const functions = shFunctions('rnetns', ...FINDING);
    const sh = answers(`XDG_RUNTIME_DIR=$1\n${functions}find_base && printf '%s' "$rn_base" | tr '\\n' '|'`, all);
    const ts = all.map((set) => {
      try {
        return runtimeDirectory({ XDG_RUNTIME_DIR: set }, ownUid()).base.replaceAll('\n', '|');
      } catch {
        return 'refused';
      }
    });
    expect(sh).to.deep.equal(ts);
    expect(sh.slice(0, 13)).to.deep.equal(Array<string>(13).fill(`${own}/rnetns`));
  });

  it('where it is without XDG_RUNTIME_DIR', () => {
    const functions = shFunctions('rnetns', ...FINDING);
    const [sh] = answers(`${functions}find_base && printf '%s' "$rn_base"`, ['']);
    expect(sh).to.equal(runtimeDirectory({}, ownUid(), '', hostUid()).base);
  });

  it('when /tmp/rnetns-UID is good', () => {
    const root = freshDirectory();
    const uid = ownUid();
    mkdirSync(join(root, 'tmp'));
    const path = join(root, 'tmp', `rnetns-${uid}`);
    const makers: (() => void)[] = [
      () => mkdirSync(path, { mode: 0o700 }),
      ...[0o1700, 0o700, 0o755, 0o1755, 0o777, 0o1777, 0o770, 0o750, 0o710, 0o701, 0o500, 0o600].map((mode) => () => {
        mkdirSync(path);
        chmodSync(path, mode);
      }),
      () => symlinkSync(root, path),
      () => symlinkSync('nowhere', path),
      () => writeFileSync(path, ''),
    ];
    const code = `rn_fallback=${path}\n${shFunctions('rnetns', ...FINDING)}own_fallback && printf yes`;
    const seen = makers.map((make) => {
      make();
      const pair = [answers(code, [''])[0], verdict(() => runtimeDirectory({}, uid, root))];
      rmSync(path, { recursive: true });
      return pair;
    });
    for (const [sh, ts] of seen) expect(sh).to.equal(ts);
    expect(seen.filter(([sh]) => sh === 'yes')).to.have.lengthOf(3);
  });

  it('whether a state directory is the caller’s own', function () {
    requires(this, 'unprivileged');
    const root = freshDirectory();
    const made = (path: string, mode = 0o700) => {
      mkdirSync(path, { recursive: true });
      chmodSync(path, mode);
    };
    const others: ((path: string) => void)[] = [
      (path) => symlinkSync(root, path),
      (path) => symlinkSync('nowhere', path),
      (path) => symlinkSync('/usr', path),
      (path) => writeFileSync(path, ''),
      ...[0o700, 0o1700, 0o777, 0o770, 0o755, 0o500].map((mode) => (path: string) => made(path, mode)),
    ];
    const code = `${shFunctions('rnetns', 'own_directory', 'own_state')}rn_base=\${1%/*} rn_dir=$1\nown_state && printf yes`;
    for (const level of ['base', 'base/default']) {
      for (const [index, make] of others.entries()) {
        const base = join(root, String(index), 'base');
        const path = join(dirname(base), level);
        made(dirname(path));
        make(path);
        const state = new StateDirectory(base, 'default');
        // A base without a state is own as well: nobody is there.
        if (level === 'base' && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
          if (path === realpathSync(path) && statSync(path).uid === ownUid() && (statSync(path).mode & 0o200) !== 0)
            mkdirSync(state.path);
        }
        const ts = verdict(() => {
          if (statStateDirectory(state) === undefined) throw new Error('there is none');
        });
        expect(answers(code, [state.path]), `${level} ${index}`).to.deep.equal([ts]);
        rmSync(dirname(base), { recursive: true });
      }
    }
    const foreign = new StateDirectory('/usr', 'lib');
    expect(answers(code, [foreign.path])).to.deep.equal([verdict(() => statStateDirectory(foreign))]);
  });

  it('what rnetns has made, and so removes', () => {
    const root = freshDirectory();
    const functions = shFunctions('lock.sh', 'remove_base', 'remove_made');
    const names = [...MADE_NAMES, 'rnetns-job1', 'rnetns-', 'rnetns-1000x', 'run', 'xrnetns-1'];
    const modes = [0o1700, 0o700];
    for (const name of names) {
      for (const [runtime, base, netns, kept] of modes.flatMap((a) =>
        modes.flatMap((b) => modes.flatMap((c) => ['', 'other', '.outside'].map((d) => [a, b, c, d] as const))),
      )) {
        const left = (['sh', 'ts'] as const).map((way) => {
          const below = join(root, way);
          const runtimeDir = join(below, name);
          for (const [path, mode] of [
            [runtimeDir, runtime],
            [join(runtimeDir, 'rnetns'), base],
            [join(runtimeDir, 'netns'), netns],
          ] as const) {
            mkdirSync(path, { recursive: true });
            chmodSync(path, mode);
          }
          if (kept !== '') mkdirSync(join(runtimeDir, 'rnetns', kept));
          if (way === 'sh') answers(`rn_base=$1\n${functions}remove_base`, [join(runtimeDir, 'rnetns')]);
          else removeBase({ runtimeDir, base: join(runtimeDir, 'rnetns') }, ownUid());
          const files = readdirSync(below, { recursive: true, encoding: 'utf8' }).sort();
          rmSync(below, { recursive: true });
          return files;
        });
        const what = `${name} ${[runtime, base, netns].map((mode) => mode.toString(8)).join(' ')} ${kept}`;
        expect(left[0], what).to.deep.equal(left[1]);
        // All of it, or nothing of the user's own.
        const isMade = MADE_NAMES.includes(name) && [runtime, base, netns].every((mode) => mode === 0o1700);
        expect(left[0]?.includes(name) === false, what).to.equal(isMade && kept === '');
      }
    }
  });

  it('when a process is alive, and since when, whatever its name', async function () {
    requires(this, 'unprivileged');
    const directory = freshDirectory();
    const sleep = realpathSync(findProgram('sleep') ?? '/bin/sleep');
    const awkScript = /awk '([^]*?)'\n\}/.exec(readFileSync(join(projectRoot, 'scripts/tied.sh'), 'utf8'))?.[1] ?? '';
    const tied = join(directory, 'tied');
    mkdirSync(tied);
    for (const name of [
      'sleep',
      'my sleep',
      'tmux: server',
      ') Z 1',
      'a) R 2 (b',
      '((',
      '))',
      'a\nb',
      'Z',
      ' ',
      "it's",
    ]) {
      const program = join(directory, name);
      copyFileSync(sleep, program);
      chmodSync(program, 0o700);
      // Its parent never waits for it: exec replaces the shell that would have.
      const script = '"$1" 30 & echo $!; exec sleep 30';
      const parent = spawn('sh', ['-c', script, 'sh', program], { stdio: ['ignore', 'pipe', 'ignore'] });
      onTestEnd(() => void parent.kill('SIGKILL'));
      const [output] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(output.toString());
      await waitFor(() => readFileSync(`/proc/${pid}/comm`, 'utf8') === `${name}\n`, { what: 'its name' });
      const sh = (): string | undefined =>
        answers(`${shFunctions('process.sh', 'start_of')}start_of "$1" && printf '%s' "$rn_start"`, [String(pid)])[0];
      const ts = (): string => String(identifyProcess(pid)?.startTicks ?? 'refused');
      const awk = (start: string): string => {
        writeFileSync(join(tied, 'id'), `rnetns1 1 ${pid} ${start} 0-0 .\n`);
        const env = { PATH: process.env.PATH, DIR: tied };
        return execFileSync('awk', [awkScript], { input: 'id\n', env, encoding: 'utf8' });
      };
      const start = ts();
      expect(Number(start), name).to.be.greaterThan(0);
      expect(sh(), name).to.equal(start);
      expect(awk(start), name).to.equal('');
      expect(awk('1'), name).to.equal('id\n');
      process.kill(pid, 'SIGKILL');
      await waitFor(() => ts() === 'refused', { what: `the zombie ${name} to count as dead` });
      expect(existsSync(`/proc/${pid}/stat`), 'it is a zombie').to.equal(true);
      expect(sh(), name).to.equal('refused');
      expect(awk(start), name).to.equal('id\n');
      parent.kill('SIGKILL');
    }
  });

  it('by which descriptors the processes of a namespace are known', async function () {
    requires(this, 'userns', 'tun', 'pasta');
    const runtime = freshRuntimeDir(this);
    const command = await startCommand(runtime);
    const { guard, keeper, supervisor } = partsOf(runtime);
    const state = runtime.stateDir();
    const outside = join(state, '../.outside/default');
    const file = (name: string, directory = state): string =>
      join(directory, readdirSync(directory).find((entry) => entry.startsWith(name)) ?? '');
    const same = (descriptor: string, path: string): boolean => {
      const [a, b] = [statSync(descriptor), statSync(path)];
      return a.ino === b.ino && a.dev === b.dev;
    };
    expect(same(`/proc/${supervisor}/fd/5`, file('lease.'))).to.equal(true);
    expect(same(`/proc/${supervisor}/fd/6`, file('alive', outside))).to.equal(true);
    expect(same(`/proc/${guard}/fd/4`, file('alive', outside))).to.equal(true);
    expect(same(`/proc/${keeper}/fd/4`, file('keeper.'))).to.equal(true);
    expect(same(`/proc/${keeper}/fd/5`, `/proc/${supervisor}/ns/mnt`)).to.equal(true);
    expect(same(`/proc/${keeper}/fd/6`, `/proc/${supervisor}/ns/user`)).to.equal(true);
    expect(same(`/proc/${supervisor}/fd/8`, file('supervisor', outside))).to.equal(true);
    expect(same(`/proc/${guard}/fd/8`, file('guard', outside))).to.equal(true);
    await command.finish();
    await gone(runtime);
  });
});
