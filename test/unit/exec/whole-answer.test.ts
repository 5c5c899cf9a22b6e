import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runCommand } from '../../../src/exec/command.js';
import { searchPath } from '../../../src/exec/find-program.js';
import { wholeAnswer } from '../../../src/exec/whole-answer.js';

describe('exec: what a program says of itself', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'rnetns-answer-'))));
  afterEach(() => rmSync(directory, { recursive: true }));

  // stdbuf(1) tells the C library of the program by this variable.
  const programs: readonly (readonly [what: string, script: string, answer: string, calls: number])[] = [
    ['that loses all but what it wrote line by line', '[ "$_STDBUF_O" != L ] || echo fake 1', 'fake 1\n', 2],
    ['that loses the end', 'printf %s "one\ntw"; [ "$_STDBUF_O" != L ] || echo o', 'one\ntwo\n', 2],
    ['that answers', 'echo fake 1', 'fake 1\n', 1],
    ['that answers on stderr', 'echo fake 1 >&2', '', 1],
    ['that has no answer', 'exit 0', '', 2],
    ['that fails in another way the second time', '[ "$_STDBUF_O" != L ] || { echo no; exit 3; }', '', 2],
  ];
  for (const [what, script, answer, calls] of programs) {
    it(`is whole of one ${what}`, async () => {
      const program = join(directory, 'fake');
      writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      const options = { env: { PATH: searchPath(process.env.PATH) }, timeoutMs: 30_000 };
      let called = 0;
      const { status, stdout } = await wholeAnswer(
        ([file, ...args]) => {
          called++;
          return runCommand(file, args, options);
        },
        [program, '--version'],
      );
      expect({ status, stdout, called }).to.deep.equal({ status: 0, stdout: answer, called: calls });
    });
  }

  it('is the first one where there is no stdbuf', async () => {
    const program = join(directory, 'fake');
    writeFileSync(program, '#!/bin/sh\nprintf %s fake\n', { mode: 0o755 });
    const options = { env: { PATH: directory }, timeoutMs: 30_000 };
    const answer = await wholeAnswer(([file, ...args]) => runCommand(file, args, options), [program, '--version']);
    expect(answer.stdout).to.equal('fake');
  });
});
