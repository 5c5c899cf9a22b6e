/** README's commands, typed as they stand there by somebody who looks at each answer: it is of the shape that is shown. */

import { expect } from 'chai';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { requires } from '../fixtures/requirements.js';
import { launcher, projectRoot, run } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone, startCommand } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

interface Step {
  command: string;
  shown: string;
}

/** Below a heading, up to the next one. */
function section(heading: string): string {
  const text = readFileSync(join(projectRoot, 'README.md'), 'utf8');
  return text.split(`\n${heading}\n`)[1]?.split(/^##+ /m)[0] ?? '';
}

function blocks(text: string, kind: 'console' | 'sh'): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${kind}\n([^]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block);
}

const typing = ({ env }: RuntimeDir): NodeJS.ProcessEnv => ({
  ...env,
  PATH: `${join(launcher, '..')}:${env.PATH ?? ''}`,
});

/** What is typed, and what it says; not the picture, which is of containers that the tour doesn't make (contract/graph.test.ts). */
function tour(): Step[] {
  return blocks(section('## A first tour'), 'console')
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((step) => ({ command: step.slice(0, step.indexOf('\n')), shown: step.slice(step.indexOf('\n') + 1) }))
    .filter(({ command }) => command !== 'rnetns graph');
}

/**
 * Without what differs from host to host: a word with a digit, a path or a colon in it, and how many of them; and whether the
 * driver has an address for the host.
 */
function shape(text: string): string[] {
  return text
    .trim()
    .split('\n')
    .map((line) =>
      line
        .trim()
        .replace(/^(host is) .*/, '$1')
        .replace(/\S*(\d|\/|::)\S*/g, '#')
        .replace(/#( +#)+/g, '#')
        .replace(/ +/g, ' '),
    )
    .filter((line, i, lines) => line !== lines[i - 1]);
}

describe('README.md', function () {
  it('the first tour is what a user sees who types it', async function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'jq', 'python3', 'curl', 'bash');
    const runtime = freshRuntimeDir(this);
    const steps = tour();
    expect(steps.map(({ command }) => command)).to.have.length.above(10);
    // A shell with jobs, and a pause before each line: the tour ends with the namespace's own, after `linger`.
    const script = steps.map(({ command }) => `echo '<next>'\nsleep 1\n${command}\n`).join('');
    const typed = `set -m\n${script.replace(/(sleep 1)(\nrnetns list)/, 'sleep 5$2')}`;
    const { stdout } = await run(['-c', `exec 2>&1\n${typed}`], {
      env: typing(runtime),
      file: 'bash',
      cwd: '/tmp',
      timeoutMs: 100_000,
    });
    // bash has words of its own about the job that is killed.
    const answers = stdout
      .replace(/^.*\bTerminated\b.*\n/m, '')
      .split('<next>\n')
      .slice(1);
    const seen = steps.map(({ command }, i) => ({ command, says: shape(answers[i] ?? '') }));
    expect(seen).to.deep.equal(steps.map(({ command, shown }) => ({ command, says: shape(shown) })));
    await gone(runtime);
  });

  it('the first line of Uninstall ends whatever is up', async function () {
    requires(this, 'userns', 'tun', 'pasta', 'jq');
    const runtime = freshRuntimeDir(this);
    const [line = ''] = blocks(section('### Uninstall'), 'sh')[0]?.split('\n') ?? [];
    expect(line).to.match(/^rnetns .*stop --force/);
    await startCommand(runtime);
    expect((await run(['setup', '--id', 'web', '--name', 'lab'], { env: runtime.env })).status).to.equal(0);
    for (const what of ['two namespaces', 'nothing']) {
      const { status, stdout, stderr } = await run(['-c', line], { env: typing(runtime), file: 'sh' });
      expect({ status, stdout, stderr }, what).to.deep.equal({ status: 0, stdout: '', stderr: '' });
      await gone(runtime);
    }
  });

  it("the lines for completion put each shell's script in its place", async function () {
    const runtime = freshRuntimeDir(this);
    const home = mkdtempSync('/tmp/rnetns-home-');
    onTestEnd(() => rmSync(home, { recursive: true }));
    const lines = blocks(section('## Installation'), 'sh').find((block) => block.includes('rnetns completion')) ?? '';
    const env = { ...typing(runtime), HOME: home };
    const { status, stdout, stderr } = await run(['-euc', lines], { env, file: 'sh' });
    expect({ status, stdout, stderr }).to.deep.equal({ status: 0, stdout: '', stderr: '' });
    for (const file of lines.match(/(?<=>~\/)\S+/g) ?? []) {
      expect(existsSync(join(home, file)), file).to.equal(true);
      expect(readFileSync(join(home, file), 'utf8'), file).to.match(/rnetns/);
    }
  });
});
