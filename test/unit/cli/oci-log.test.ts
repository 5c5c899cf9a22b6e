import { expect } from 'chai';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logFailure } from '../../../src/cli/oci/log.js';
import { RnetnsError } from '../../../src/errors/error.js';
import { onTestEnd } from '../../fixtures/test-end.js';

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'rnetns-log-'));
  onTestEnd(() => rmSync(directory, { recursive: true }));
  return directory;
}

describe('oci: the log of failed hooks', () => {
  it("has the time, the container, the words and the hint, and is the user's alone", () => {
    const file = join(scratch(), 'log');
    logFailure(file, 'container web (created):', new RnetnsError('ERR_NETNS', 'it failed', { hint: 'try again' }));
    expect(readFileSync(file, 'utf8')).to.match(
      /^\d{4}-\S+Z container web \(created\): it failed\n {2}hint: try again\n$/,
    );
    expect(statSync(file).mode & 0o777).to.equal(0o600);
  });

  it('begins anew when it is long, and keeps one before', () => {
    const file = join(scratch(), 'log');
    const long = new RnetnsError('ERR_NETNS', 'x'.repeat(30_000));
    for (let times = 0; times < 10; times++) expect(logFailure(file, '', long)).to.equal(undefined);
    const size = statSync(file).size + statSync(`${file}.1`).size;
    expect(size).to.be.below(200_000);
    expect(existsSync(`${file}.2`)).to.equal(false);
  });

  it('that cannot be written says why', () => {
    expect(logFailure(join(scratch(), 'none', 'log'), '', new Error('bug'))).to.match(/ENOENT/);
  });
});
