/** Files of references that are not what `setup` wrote: said or mended, never a wrong count in silence, and nobody waits. */

import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTime } from '../fixtures/processes.js';
import { act, counted, lingering, startProcess, succeeded, up } from '../fixtures/references.js';
import { expectRefused } from '../fixtures/refusals.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, netnsOfNewRun } from '../fixtures/shared-netns.js';

const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

function fifo(path: string): void {
  expect(spawnSync('mkfifo', ['--', path]).status).to.equal(0);
}

/** A directory of the caller's that a link leads to, with something that must stay. */
function elsewhere({ dir }: RuntimeDir): string {
  const path = join(dir, '../elsewhere');
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'precious'), 'mine');
  return path;
}

function expectUntouched({ dir }: RuntimeDir): void {
  const path = join(dir, '../elsewhere');
  if (!existsSync(path)) return;
  expect(readdirSync(path)).to.deep.equal(['precious']);
  expect(readFileSync(join(path, 'precious'), 'utf8')).to.equal('mine');
}

interface Mended {
  part: string;
  detail: string;
}

/** What `repair` says it mended, and that there is no more to mend after it. */
async function repair(runtime: RuntimeDir): Promise<Mended[]> {
  const mended = async (): Promise<Mended[]> => {
    const { status, stdout, stderr } = await act(runtime, 'repair', '--json');
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    return (JSON.parse(stdout) as { mended: Mended[] }).mended;
  };
  const first = await mended();
  expect(await mended(), 'at the second time').to.deep.equal([]);
  return first;
}

/** Put it there, in place of what is there. */
function place(path: string, make: (path: string) => void): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  make(path);
}

const DAMAGES: Record<string, { make: (path: string, runtime: RuntimeDir) => void; problem: RegExp }> = {
  truncated: { make: (path) => writeFileSync(path, `rnetns1 1 0 0 ${boot}`), problem: /torn/ },
  'of another version': { make: (path) => writeFileSync(path, `rnetns2 1 0 0 ${boot} .\n`), problem: /version/ },
  'of two lines': { make: (path) => writeFileSync(path, `rnetns1 1 0 0 ${boot} .\n`.repeat(2)), problem: /torn/ },
  binary: { make: (path) => writeFileSync(path, Buffer.alloc(4096, 0xff)), problem: /torn/ },
  unreadable: {
    make(path) {
      writeFileSync(path, `rnetns1 1 0 0 ${boot} .\n`);
      chmodSync(path, 0);
    },
    problem: /cannot be read/,
  },
  'a directory': {
    make(path) {
      mkdirSync(join(path, 'more'), { recursive: true });
      writeFileSync(join(path, 'more/file'), '');
    },
    problem: /directory/,
  },
  'a link to a file': {
    make: (path, runtime) => symlinkSync(join(elsewhere(runtime), 'precious'), path),
    problem: /symbolic link/,
  },
  'a link to a directory': {
    make: (path, runtime) => symlinkSync(elsewhere(runtime), path),
    problem: /symbolic link/,
  },
  'a dangling link': { make: (path) => symlinkSync('/nonexistent/x', path), problem: /symbolic link/ },
  'a FIFO': { make: fifo, problem: /no regular file/ },
};

describe('a file of a reference', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'unprivileged');
  });

  for (const [what, { make, problem }] of Object.entries(DAMAGES)) {
    for (const kind of ['references', 'tied']) {
      it(`in ${kind}/ that is ${what} counts as one and says so, until it is set up again, torn down or mended`, async function () {
        const runtime = lingering(this, 0);
        const path = join(runtime.stateDir(), kind, 'odd');
        const damage = (): void => place(path, (there) => make(there, runtime));
        const expectOdd = async (): Promise<void> => {
          const { refCount, references } = await counted(runtime);
          expect(refCount).to.equal(2);
          expect(references?.[1]).to.match(problem);
        };
        expect(await act(runtime, 'setup', '--id', 'good')).to.deep.equal(succeeded);
        const netns = await netnsOfNewRun(runtime);

        damage();
        await expectOdd();
        expect(await act(runtime, 'setup', '--id', 'odd', '--nets', '3')).to.deep.equal(succeeded);
        expect(await counted(runtime), 'set up again').to.deep.equal(up(['good 1', 'odd 3']));

        damage();
        expect(await act(runtime, 'teardown', '--id', 'odd')).to.deep.equal(succeeded);
        expect(await counted(runtime), 'torn down').to.deep.equal(up(['good 1']));

        damage();
        const mended = await repair(runtime);
        expect(mended.map(({ part }) => part)).to.deep.equal(['reference']);
        expect(mended[0]?.detail)
          .to.match(/reference odd anew/)
          .and.match(problem);
        expect(await counted(runtime), 'mended').to.deep.equal(up(['good 1', 'odd 1']));
        expect(await netnsOfNewRun(runtime)).to.equal(netns);

        // Now it is all there is: who set it up may still need the namespace.
        damage();
        expect(await act(runtime, 'teardown', '--id', 'good')).to.deep.equal(succeeded);
        await sleep(1200);
        expectRefused(await run(['stop'], { env: runtime.env }), /in use by 1 reference/);
        expect(await netnsOfNewRun(runtime)).to.equal(netns);
        expect(await act(runtime, 'stop', '--force')).to.deep.equal(succeeded);
        await gone(runtime);
        expectUntouched(runtime);
      });
    }
  }

  it('that is empty counts for nothing, as of a setup that was killed, and is dropped', async function () {
    const runtime = lingering(this, 0);
    const { pid } = await startProcess();
    expect(await act(runtime, 'setup', '--id', 'good', '--pid', String(pid))).to.deep.equal(succeeded);
    const path = join(runtime.stateDir(), 'references/odd');
    place(path, (there) => writeFileSync(there, ''));
    expect(await counted(runtime)).to.deep.equal({
      state: 'running',
      refCount: 1,
      references: ['good 1', 'odd 0 its file is empty: its setup was killed'],
    });
    expect(await act(runtime, 'setup', '--id', 'odd')).to.deep.equal(succeeded);
    expect(await counted(runtime)).to.deep.equal(up(['good 1', 'odd 1']));
    writeFileSync(path, '');
    expect(await repair(runtime), 'a setup may be about to write it').to.deep.equal([]);
    utimesSync(path, new Date(), new Date(Date.now() - 60_000));
    expect((await repair(runtime)).map(({ detail }) => detail)).to.deep.equal([
      'dropped the reference "odd": its file is empty: its setup was killed',
    ]);
    // In tied/ as well: the supervisor, who looks each second, leaves it for that minute too.
    const tied = join(runtime.stateDir(), 'tied/odd');
    writeFileSync(tied, '');
    await sleep(3500);
    expect((await counted(runtime)).references).to.have.lengthOf(2);
    expect(await repair(runtime)).to.deep.equal([]);
    utimesSync(tied, new Date(), new Date(Date.now() - 60_000));
    expect(await repair(runtime)).to.have.lengthOf(1);
    expect(await counted(runtime)).to.deep.equal(up(['good 1']));
    await act(runtime, 'teardown', '--id', 'good');
    await gone(runtime);
  });

  it('with a name that is no id counts for nothing, and repair removes it', async function () {
    const runtime = lingering(this, 0);
    expect(await act(runtime, 'setup', '--id', 'good')).to.deep.equal(succeeded);
    for (const name of ['.hidden', 'a b', 'a\nb', '-rf', 'x'.repeat(129), '🦊']) {
      place(join(runtime.stateDir(), 'references', name), (path) => writeFileSync(path, `rnetns1 9 0 0 ${boot} .\n`));
      expect((await counted(runtime)).refCount, name).to.equal(1);
      const [mended] = await repair(runtime);
      expect(mended?.detail).to.equal(`dropped the reference ${JSON.stringify(name)}: its name is no id`);
      expect(await counted(runtime)).to.deep.equal(up(['good 1']));
    }
    await act(runtime, 'teardown', '--id', 'good');
    await gone(runtime);
  });

  it('of another boot counts for nothing, and repair drops it', async function () {
    const runtime = lingering(this, 0);
    expect(await act(runtime, 'setup', '--id', 'good')).to.deep.equal(succeeded);
    place(join(runtime.stateDir(), 'references/odd'), (path) =>
      writeFileSync(path, 'rnetns1 9 0 0 00000000-1111-2222-3333-444444444444 .\n'),
    );
    expect((await counted(runtime)).refCount).to.equal(1);
    expect((await repair(runtime))[0]?.detail).to.equal('dropped the reference "odd": it is from another boot');
    await act(runtime, 'teardown', '--id', 'good');
    await gone(runtime);
  });
});

const DIRECTORY_DAMAGES: Record<string, (path: string, runtime: RuntimeDir) => void> = {
  'a file': (path) => writeFileSync(path, 'text'),
  'an empty file': (path) => writeFileSync(path, ''),
  'a dangling link': (path) => symlinkSync('/nonexistent/x', path),
  'a link to a directory': (path, runtime) => symlinkSync(elsewhere(runtime), path),
  'a FIFO': fifo,
  'a directory that may not be read': (path) => {
    mkdirSync(path);
    writeFileSync(join(path, 'lost'), `rnetns1 1 ${process.pid} ${startTime(process.pid)} ${boot} .\n`);
    chmodSync(path, 0);
  },
  'a directory that may be listed only': (path) => {
    mkdirSync(path);
    writeFileSync(join(path, 'lost'), `rnetns1 1 ${process.pid} ${startTime(process.pid)} ${boot} .\n`);
    chmodSync(path, 0o400);
  },
};

describe('a directory of references', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'unprivileged');
  });

  for (const [what, make] of Object.entries(DIRECTORY_DAMAGES)) {
    for (const kind of ['references', 'tied'] as const) {
      it(`${kind}/ that is ${what}: the count is unknown, what needs it is refused, and repair mends it`, async function () {
        const runtime = lingering(this, 0);
        const path = join(runtime.stateDir(), kind);
        const tied = kind === 'tied' ? ['--pid', String((await startProcess()).pid)] : [];
        const damage = (): void => place(path, (there) => make(there, runtime));
        expect(await act(runtime, 'setup', '--nets', '2')).to.deep.equal(succeeded);
        const netns = await netnsOfNewRun(runtime);
        damage();

        expect((await counted(runtime)).refCount, 'nobody can know').to.equal(null);
        expect((await act(runtime, 'status')).stdout).to.match(/references +unknown/);
        const refusal = new RegExp(`${kind} is no directory that can be read and written[^]*hint: rnetns repair`);
        expectRefused(await run(['setup', '--id', 'new', ...tied], { env: runtime.env }), refusal);
        expectRefused(await run(['teardown', '--id', 'new'], { env: runtime.env }), refusal);
        expect(await act(runtime, 'setup'), 'without an id').to.deep.equal(succeeded);
        expect(await act(runtime, 'teardown', '--nets', '3'), 'without an id').to.deep.equal(succeeded);
        await sleep(1200);
        expect((await counted(runtime)).state, 'it may be needed').to.equal('running');
        expect(lstatSync(path).isDirectory(), 'what is there stays').to.equal(what.startsWith('a directory'));
        expectRefused(await run(['stop'], { env: runtime.env }), /in use by references/);
        expect(await netnsOfNewRun(runtime)).to.equal(netns);

        const mended = await repair(runtime);
        expect(mended[0]?.detail).to.include(path);
        const lost = what.startsWith('a directory') ? ['lost 1'] : [];
        if (lost.length > 0) {
          expect(await counted(runtime)).to.deep.equal(up(lost));
          expect(await act(runtime, 'setup', '--id', 'new', ...tied)).to.deep.equal(succeeded);
          expect(await counted(runtime)).to.deep.equal(up(['lost 1', 'new 1']));
          expect(await act(runtime, 'teardown', '--id', 'new')).to.deep.equal(succeeded);
          damage();
          expect(await act(runtime, 'stop', '--force')).to.deep.equal(succeeded);
        }
        await gone(runtime);
        expectUntouched(runtime);
      });
    }
  }
});

const COUNT_DAMAGES: Record<string, (path: string, runtime: RuntimeDir) => void> = {
  'a directory': (path) => mkdirSync(path),
  'a dangling link': (path) => symlinkSync('/nonexistent/x', path),
  'a link to a file': (path, runtime) => symlinkSync(join(elsewhere(runtime), 'precious'), path),
  'a FIFO': fifo,
  unreadable: (path) => {
    writeFileSync(path, '3\n');
    chmodSync(path, 0);
  },
};

describe('the file ref-count', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'unprivileged');
  });

  for (const [what, make] of Object.entries(COUNT_DAMAGES)) {
    it(`that is ${what}: the count is unknown, setup and teardown without an id are refused, and repair mends it`, async function () {
      const runtime = lingering(this, 0);
      const path = join(runtime.stateDir(), 'ref-count');
      const damage = (): void => place(path, (there) => make(there, runtime));
      expect(await act(runtime, 'setup', '--id', 'a')).to.deep.equal(succeeded);
      const netns = await netnsOfNewRun(runtime);
      damage();
      expect((await counted(runtime)).refCount).to.equal(null);
      for (const verb of ['setup', 'teardown']) {
        expectRefused(await run([verb], { env: runtime.env }), /ref-count[^]*hint: .*repair/);
      }
      expect(await act(runtime, 'setup', '--id', 'b')).to.deep.equal(succeeded);
      for (const id of ['a', 'b']) expect(await act(runtime, 'teardown', '--id', id)).to.deep.equal(succeeded);
      await sleep(1200);
      expectRefused(await run(['stop'], { env: runtime.env }), /in use by references/);
      expect(await netnsOfNewRun(runtime)).to.equal(netns);
      expect(await act(runtime, 'setup', '--id', 'a')).to.deep.equal(succeeded);
      expect((await repair(runtime)).map(({ detail }) => detail)).to.have.length(1);
      expect(await counted(runtime)).to.deep.equal(up(['a 1']));
      damage();
      expect(await act(runtime, 'stop', '--force')).to.deep.equal(succeeded);
      await gone(runtime);
      expectUntouched(runtime);
    });
  }
});
