import { expect } from 'chai';
import { runCommand } from '../../../src/exec/command.js';

describe('exec: short-lived commands', () => {
  it('what cannot be started is a result, also where Node throws: E2BIG', async () => {
    const options = { timeoutMs: 10_000, env: {} };
    const words = 'x'.repeat(1 << 20);
    expect(await runCommand('/bin/true', [words], options)).to.deep.equal({
      status: undefined,
      stdout: '',
      stderr: '',
      outcome: 'could not be started: spawn E2BIG',
    });
    expect((await runCommand('/nonexistent', [], options)).outcome).to.equal(
      'could not be started: spawn /nonexistent ENOENT',
    );
    expect((await runCommand('/bin/true', [], options)).status).to.equal(0);
  });
});
