import { expect } from 'chai';
import fc from 'fast-check';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { StateDirectory } from '../../../src/state/directory.js';
import { bootId } from '../../../src/state/process.js';
import { ID, formatReference, mendReferences, parseReference, readReferences } from '../../../src/state/references.js';

/** Run `test` in a state directory of its own. */
function withState<T>(test: (state: StateDirectory) => T): T {
  const base = mkdtempSync(join(tmpdir(), 'rnetns-references-'));
  try {
    const state = new StateDirectory(base, 'default');
    mkdirSync(state.path);
    return test(state);
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

const nets = fc.integer({ min: 1, max: 9_999_999 });
const line = fc
  .tuple(nets, fc.nat(), fc.nat(), fc.uuid())
  .map(([count, pid, start, boot]) => `rnetns1 ${count} ${pid} ${start} ${boot} .\n`);

/** What may stand in a directory of references: whole files, damaged ones, and no files at all. */
const content = fc.oneof(
  nets.map((count) => ({ kind: 'file' as const, text: formatReference(count) })),
  line.map((text) => ({ kind: 'file' as const, text })),
  fc.tuple(line, fc.nat(60)).map(([text, end]) => ({ kind: 'file' as const, text: text.slice(0, end) })),
  fc.string({ unit: 'binary', maxLength: 200 }).map((text) => ({ kind: 'file' as const, text })),
  fc.constantFrom({ kind: 'directory' as const }, { kind: 'link' as const }),
);
const name = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,20}$/),
  fc.stringMatching(/^[ -.0-~]{1,12}$/).filter((text) => text !== '.' && text !== '..'),
);
const files = fc.array(fc.tuple(fc.constantFrom('references', 'tied'), name, content), { maxLength: 12 });

function fill(state: StateDirectory, entries: readonly [string, string, { kind: string; text?: string }][]): void {
  for (const [kind, id, { kind: what, text = '' }] of entries) {
    const path = join(state.path, kind, id);
    rmSync(path, { recursive: true, force: true });
    mkdirSync(dirname(path), { recursive: true });
    if (what === 'directory') mkdirSync(path);
    else if (what === 'link') symlinkSync('/nonexistent', path);
    else writeFileSync(path, text);
  }
}

describe('a file of a reference', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(
        nets,
        (count) =>
          void expect(parseReference(formatReference(count))).to.deep.equal({
            nets: count,
            process: undefined,
            boot: bootId(),
          }),
      ),
    );
  });

  it('is refused when torn at any place', () => {
    fc.assert(
      fc.property(line, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (text, part) => {
        const whole = text.trimEnd();
        expect(parseReference(whole.slice(0, Math.floor(part * whole.length)))).to.equal(undefined);
      }),
    );
  });

  it('is refused when it is of another version, or anything is added or taken away', () => {
    const text = formatReference(1);
    for (const other of [
      '',
      '\n',
      text.replace('rnetns1', 'rnetns2'),
      text.replace('rnetns1', 'xrnetns1'),
      text.replace(' 1 ', ' 0 '),
      text.replace(' 1 ', ' -1 '),
      text.replace(' 1 ', ' 01 '),
      text.replace(' 1 ', ' 1.5 '),
      text.replace(' 1 ', ' 99999999 '),
      text.replace(' 1 ', '  1 '),
      text.replace(' .', ' 7 .'),
      text.replace(' .', ''),
      `${text}${text}`,
      `${text}\n`,
      ` ${text}`,
      text.replace('\n', '\0\n'),
    ]) {
      expect(parseReference(other), JSON.stringify(other)).to.equal(undefined);
    }
  });

  it('with a character changed is refused, or says something else, and never throws', () => {
    fc.assert(
      fc.property(line, fc.nat(), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (text, at, character) => {
        const index = at % text.length;
        const changed = text.slice(0, index) + character + text.slice(index + 1);
        const parsed = parseReference(changed);
        if (parsed === undefined) return;
        expect(parsed.nets).to.be.within(1, 9_999_999);
        expect(changed).to.match(/^rnetns1 .* \.\n?$/);
      }),
    );
  });

  it('never throws, whatever is in it', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseReference(text)));
  });
});

describe('the references of a namespace', () => {
  it('are none, and 0, without any file', () => {
    withState((state) => expect(readReferences(state)).to.deep.equal({ list: [], count: 0 }));
  });

  it('can be read whatever is there: each id once, and none of them lost', () => {
    fc.assert(
      fc.property(files, (entries) =>
        withState((state) => {
          fill(state, entries);
          const { list, count } = readReferences(state);
          expect(list.map(({ id }) => id)).to.have.members([...new Set(entries.map(([, id]) => id))]);
          expect(count).to.equal(list.reduce((sum, { problem, nets: own }) => sum + counted(problem, own), 0));
          for (const { id, problem } of list) if (!ID.test(id)) expect(problem).to.equal('its name is no id');
        }),
      ),
      { numRuns: 60 },
    );
  });

  it('once mended have no problem and count what they counted, and there is no more to mend', () => {
    fc.assert(
      fc.property(files, fc.option(fc.string({ maxLength: 8 })), (entries, refCount) =>
        withState((state) => {
          fill(state, entries);
          if (refCount !== null) writeFileSync(state.refCount, refCount);
          const before = readReferences(state);
          const told: string[] = [];
          mendReferences(state, (detail) => told.push(detail));
          const after = readReferences(state);
          // An empty file may be a setup's that is about to write it.
          const problems = after.list.filter(({ problem }) => !/^$|is empty/.test(problem ?? ''));
          expect(problems).to.deep.equal([]);
          if (before.count !== null) expect(after.count).to.equal(before.count);
          expect(after.count).to.be.a('number');
          for (const { id } of before.list.filter(({ problem }) => problem !== null && !problem.includes('is empty'))) {
            expect(told.some((detail) => detail.includes(JSON.stringify(id)) || detail.includes(` ${id} `))).to.equal(
              true,
            );
          }
          mendReferences(state, (detail) => expect.fail(`mended again: ${detail}`));
          expect(readdirSync(state.path).filter((entry) => entry.startsWith('.'))).to.deep.equal([]);
        }),
      ),
      { numRuns: 60 },
    );
  });

  it('are mended also while teardowns take the empty directory away, again and again', async () => {
    const base = mkdtempSync(join(tmpdir(), 'rnetns-references-'));
    const state = new StateDirectory(base, 'default');
    mkdirSync(state.tied, { recursive: true });
    const remove = `const { rmdirSync } = require('node:fs');
      const { parentPort, workerData } = require('node:worker_threads');
      parentPort.postMessage('removing');
      const nobody = new Int32Array(new SharedArrayBuffer(4));
      for (;;) {
        try { rmdirSync(workerData); } catch {}
        Atomics.wait(nobody, 0, 0, 0.05);
      }`;
    const teardowns = new Worker(remove, { eval: true, workerData: state.references });
    try {
      await once(teardowns, 'message');
      for (let round = 0; round < 500; round += 1) {
        writeFileSync(join(state.tied, 'web'), 'torn');
        mendReferences(state, () => undefined);
        expect(readReferences(state).list.map(({ id, problem }) => [id, problem])).to.deep.equal([['web', null]]);
        rmSync(join(state.references, 'web'));
      }
    } finally {
      await teardowns.terminate();
      rmSync(base, { recursive: true, force: true });
    }
  });

  for (const kind of ['references', 'tied', 'refCount'] as const) {
    it(`are unknown in number while ${kind} is a link or something else that it is not`, () => {
      withState((state) => {
        for (const make of [
          () => symlinkSync('/nonexistent', state[kind]),
          () => symlinkSync(tmpdir(), state[kind]),
          () => (kind === 'refCount' ? mkdirSync(state[kind]) : writeFileSync(state[kind], '')),
        ]) {
          make();
          expect(readReferences(state)).to.deep.equal({ list: [], count: null });
          mendReferences(state, () => undefined);
          expect(readReferences(state)).to.deep.equal({ list: [], count: 0 });
        }
      });
    });
  }
});

function counted(problem: string | null, own: number | null): number {
  return /is empty|is dead|another boot|no id/.test(problem ?? '') ? 0 : (own ?? 1);
}
