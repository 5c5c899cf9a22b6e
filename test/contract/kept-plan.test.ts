/** The string that tells what a kept plan was made from is made in TypeScript and in sh: both must be the same. */

import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Inputs } from '../../src/config/inputs.js';
import { launcherPath } from '../../src/exec/find-program.js';
import { StateDirectory } from '../../src/state/directory.js';
import { lookAtKeptPlan, writeKeptPlan } from '../../src/state/kept-plan.js';
import { IS_FRESH, OLD_MS } from '../fixtures/kept-plan.js';
import { findProgram } from '../fixtures/requirements.js';
import { answers } from '../fixtures/sh-functions.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** Blanks, quotes, patterns, expansions, bytes that are no ASCII, words that look like operators. */
const ODD = [
  'a b',
  ' a ',
  "a'b",
  "'",
  'a"b',
  'a$HOME',
  'a`id`b',
  '$(id)',
  '*',
  '[a]',
  'a\\',
  'a\\nb',
  'ä €',
  '-f',
  '=',
];
const ODD_VALUES = [...ODD, '', 'a\nb', 'a\n', '\n', '\n=\n', '(', '!', '\t', '\r\n', '\u007f', 'é'.repeat(300)];

const SHELLS = [
  // That of the host: dash on Debian, or what stands in for it.
  ['sh', 'sh', []],
  ['busybox', 'busybox', ['sh']],
  ['bash', 'bash', ['--posix']],
] as const;

interface Kept {
  root: string;
  state: StateDirectory;
  inputs: () => Inputs;
  env: Record<string, string>;
}

function replaceLink(path: string, target: string): void {
  rmSync(path);
  symlinkSync(target, path);
}

/** A directory in which everything has been there for long enough, and a plan that rests on all of it. */
async function oddInputs(): Promise<Kept> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'kept-plan-')));
  onTestEnd(() => rmSync(root, { recursive: true, force: true }));
  const at = (name: string): string => join(root, 'places', name);
  mkdirSync(join(root, 'places'));
  for (const [index, word] of ODD.entries()) {
    writeFileSync(at(`file ${word}`), 'x'.repeat(index));
    mkdirSync(at(`way ${word}`));
    mkdirSync(at(`names ${word}`));
    symlinkSync(`file ${word}`, at(`link ${word}`));
    symlinkSync(`../places/link ${word}`, at(`chain ${word}`));
    symlinkSync(at(`absent ${word}`), at(`dangling ${word}`));
  }
  symlinkSync('names *', at('names by link'));
  symlinkSync('loop', at('loop'));
  chmodSync(at('file *'), 0o6754);
  utimesSync(at('file *'), 1, -1_000_000_000.5);
  utimesSync(at('file [a]'), 1, 4_102_444_800.999);
  const state = new StateDirectory(join(root, "r'u n", 'rnetns'), 'default');
  mkdirSync(state.path, { recursive: true, mode: 0o700 });
  const env: Record<string, string> = { PATH: launcherPath(process.env.PATH) };
  for (const [index, value] of ODD_VALUES.entries()) env[`ODD_${index}`] = value;
  await sleep(OLD_MS);
  return {
    root,
    state,
    env,
    inputs() {
      const inputs = new Inputs();
      for (const word of ODD) {
        for (const kind of ['file', 'way', 'chain', 'dangling', 'missing']) inputs.note(at(`${kind} ${word}`));
        inputs.noteNames(at(`names ${word}`));
      }
      inputs.noteNames(at('names by link'));
      inputs.note(at('loop'));
      inputs.note(at('file */below'));
      const asked = inputs.environment(env);
      for (const name of [...Object.keys(env), 'NOT_SET']) expect(asked[name]).to.equal(env[name]);
      return inputs;
    },
  };
}

describe('the string of a kept plan, in TypeScript and in sh', function () {
  this.timeout(300_000);

  for (const [name, program, args] of SHELLS) {
    const isFresh = ({ root, env }: Kept, more: Record<string, string> = {}): boolean => {
      const options = { env: { ...env, ...more }, encoding: 'utf8' } as const;
      const base = join(root, "r'u n", 'rnetns');
      const words = execFileSync(program, [...args, '-c', IS_FRESH, 'sh', base], options);
      expect(words).to.match(/^(fresh|stale)\n$/);
      return words === 'fresh\n';
    };

    describe(name, () => {
      before(function () {
        if (findProgram(program) === undefined) this.skip();
      });

      it('odd paths and values are the same for both, and each that differs is seen by both', async () => {
        const kept = await oddInputs();
        expect(isFresh(kept), 'before there is one').to.be.false;
        expect(lookAtKeptPlan(kept.state, kept.inputs()).state).to.equal('none');
        expect(writeKeptPlan(kept.state, kept.inputs(), "rn_body='1\n2'\nrn_f() { :; }")).to.equal(undefined);
        expect(lookAtKeptPlan(kept.state, kept.inputs())).to.deep.include({ state: 'fresh', differs: [] });
        expect(isFresh(kept), 'nothing has changed').to.be.true;
        for (const [index, value] of ODD_VALUES.entries()) {
          expect(isFresh(kept, { [`ODD_${index}`]: `${value}x` }), JSON.stringify(value)).to.be.false;
        }
        expect(isFresh(kept, { NOT_SET: 'x' })).to.be.false;

        const at = (path: string): string => join(kept.root, 'places', path);
        /** A change, and how it is undone; what undoes it leaves other times, unless it is a name that goes. */
        const seen = (path: string, change: () => void, undo?: () => void): void => {
          change();
          expect(isFresh(kept), path).to.be.false;
          const { state, differs } = lookAtKeptPlan(kept.state, kept.inputs());
          expect({ state, path: differs.includes(at(path)) }, path).to.deep.equal({ state: 'stale', path: true });
          undo?.();
          if (undo !== undefined) expect(isFresh(kept), `${path}, undone`).to.be.true;
        };
        for (const word of ODD) {
          for (const missing of [`missing ${word}`, `absent ${word}`]) {
            seen(
              missing,
              () => writeFileSync(at(missing), ''),
              () => rmSync(at(missing)),
            );
            seen(
              missing,
              () => symlinkSync('nowhere', at(missing)),
              () => rmSync(at(missing)),
            );
          }
          const way = `way ${word}`;
          seen(
            way,
            () => renameSync(at(way), at('aside')),
            () => renameSync(at('aside'), at(way)),
          );
        }
        for (const word of ODD) seen(`file ${word}`, () => writeFileSync(at(`file ${word}`), 'other'));
      });

      it('what is no whole plan of the caller’s own is not fresh, and does nothing else', async () => {
        const kept = await oddInputs();
        const { keptPlan } = kept.state;
        const outside = join(keptPlan, '..');
        const keep = (): void => {
          rmSync(outside, { recursive: true, force: true });
          expect(writeKeptPlan(kept.state, kept.inputs(), 'rn_body=1')).to.equal(undefined);
          expect(isFresh(kept)).to.be.true;
        };
        keep();
        expect(lstatSync(keptPlan).mode & 0o777).to.equal(0o600);
        expect(lstatSync(outside).mode & 0o777).to.equal(0o700);
        const whole = readFileSync(keptPlan, 'utf8');

        for (let length = 0; length < whole.length; length += Math.ceil(whole.length / 40)) {
          truncateSync(keptPlan, length);
          expect(isFresh(kept), `its first ${length} bytes`).to.be.false;
          writeFileSync(keptPlan, whole);
        }
        expect(isFresh(kept), 'whole again').to.be.true;
        const others = [
          '',
          '\n',
          'exit 0\n',
          ')\n',
          "'\n",
          'set -e; false\n',
          'rn_plan_end=1\n',
          'rn_plan_seen\n',
          '\u0000',
        ];
        for (const text of others) {
          writeFileSync(keptPlan, text);
          expect(isFresh(kept), JSON.stringify(text)).to.be.false;
        }

        keep();
        renameSync(keptPlan, join(kept.root, 'elsewhere'));
        symlinkSync(join(kept.root, 'elsewhere'), keptPlan);
        expect(isFresh(kept), 'a link').to.be.false;
        rmSync(keptPlan);
        linkSync(join(kept.root, 'elsewhere'), keptPlan);
        expect(isFresh(kept), 'the same file again').to.be.true;
        rmSync(keptPlan);
        mkdirSync(keptPlan);
        expect(isFresh(kept), 'a directory').to.be.false;
        expect(lookAtKeptPlan(kept.state, kept.inputs()).state).to.equal('none');

        keep();
        renameSync(outside, join(kept.root, 'outside'));
        symlinkSync(join(kept.root, 'outside'), outside);
        expect(isFresh(kept), 'the directory is a link').to.be.false;
        expect(writeKeptPlan(kept.state, kept.inputs(), '')).to.include('is not a directory of yours');
        rmSync(outside);

        for (const directory of [outside, kept.state.path, join(kept.state.path, '..')]) {
          for (const mode of [0o720, 0o702, 0o777, 0o1777]) {
            keep();
            chmodSync(directory, mode);
            expect(isFresh(kept), `${directory} has the mode ${mode.toString(8)}`).to.be.false;
            chmodSync(directory, 0o700);
          }
          chmodSync(directory, 0o1700);
          expect(isFresh(kept)).to.be.true;
        }
      });

      it('files are followed by inode, and not by which is newer', async () => {
        const kept = await oddInputs();
        const at = (path: string): string => join(kept.root, 'places', path);
        const copy = at('copy');
        copyFileSync(at('file [a]'), copy);
        utimesSync(copy, 1, 4_102_444_800.999);
        await sleep(OLD_MS);
        const changes: [string, () => void][] = [
          ['an older file in its place', () => renameSync(copy, at('file [a]'))],
          ['a link to another one', () => replaceLink(at('link *'), 'file ä €')],
          ['the same link, made anew', () => replaceLink(at('link ='), 'file =')],
          ['a name more in a directory that is listed', () => writeFileSync(at('names a b/more.conf'), '')],
          ['that mode again', () => chmodSync(at('file a b'), 0o644)],
        ];
        for (const [what, change] of changes) {
          expect(writeKeptPlan(kept.state, kept.inputs(), '')).to.equal(undefined);
          expect(isFresh(kept), `before: ${what}`).to.be.true;
          change();
          expect(isFresh(kept), what).to.be.false;
          await sleep(OLD_MS);
        }
      });
    });
  }

  it('what changed a moment ago is in no plan that is kept, so that a change within the same second is seen', async () => {
    const { state, inputs, root } = await oddInputs();
    expect(writeKeptPlan(state, inputs(), '')).to.equal(undefined);
    const file = join(root, 'places', 'file a b');
    writeFileSync(file, 'one');
    expect(writeKeptPlan(state, inputs(), '')).to.equal(`${file} was changed a moment ago`);
    expect(lookAtKeptPlan(state, inputs()).state, 'the one before').to.equal('none');
    writeFileSync(file, 'two');
    await sleep(OLD_MS);
    expect(writeKeptPlan(state, inputs(), '')).to.equal(undefined);
  });

  it('what PATH becomes', () => {
    const launcher = readFileSync(new URL('../../../scripts/rnetns', import.meta.url), 'utf8');
    const lines = /^PATH=\$\{PATH:-[^]*?^export PATH$/m.exec(launcher)?.[0] ?? '';
    const paths = ['', '/bin', '/usr/sbin', '/bin:/usr/sbin:/x', ':', '/a:', '/usr/sbin/x', '/x/usr/sbin', ' '];
    expect(answers(`PATH=$1\n${lines}\nprintf '%s' "$PATH"`, paths)).to.deep.equal(
      paths.map((path) => launcherPath(path)),
    );
  });
});
