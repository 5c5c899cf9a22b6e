/** `rnetns ps --watch`: on a terminal in its place, until somebody quits; elsewhere one answer after the other. */

import { expect } from 'chai';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Inventory } from '../../src/inspect/inventory.js';
import { printed } from '../fixtures/netns-facts.js';
import { allProcesses, commandLine, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { spawnRnetns } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { startCommand } from '../fixtures/shared-netns.js';
import { readyTerminal } from '../fixtures/terminal.js';

/** Without a driver: it has no part in this. */
function fresh(context: Mocha.Context): RuntimeDir {
  const runtime = freshRuntimeDir(context);
  runtime.configure('[network]\ndefault_rootless_network_cmd = none\n[rnetns]\nlinger = 0\n');
  return runtime;
}

const watchers = (): number[] => allProcesses().filter((pid) => commandLine(pid).includes('--watch'));

const OTHER_SCREEN = '\x1b[?1049h';
const BACK = '\x1b[?25h\x1b[?1049l';

describe('ps --watch', () => {
  before(function () {
    requires(this, 'userns', 'ip', 'script');
  });

  for (const [name, key] of [
    ['q', 'q'],
    ['Ctrl-C', '\x03'],
  ] as const) {
    it(`on a terminal shows what changes, quits on ${name}, and leaves the terminal as it was and no process`, async function () {
      const runtime = fresh(this);
      const shell = await readyTerminal(runtime, 'xterm');
      shell.type('stty rows 10 cols 60; stty -g; "$RNETNS" ps --watch; echo "status $?"; stty -g; echo settings\n');
      await printed(shell, 'default: down');
      expect(shell.stdout()).to.include(OTHER_SCREEN);
      const command = await startCommand(runtime);
      await printed(shell, new RegExp(`${command.pid} +\\d+ +\\d+ s +yes +- +cat`));
      expect(watchers()).to.have.lengthOf(1);
      shell.type(key);
      const text = await printed(shell, 'settings\n');
      expect(text).to.include(BACK).and.include('status 0\n');
      const [before, after] = [...text.matchAll(/^[0-9a-f]+(?::[0-9a-f]+)+$/gm)].map(([settings]) => settings);
      expect(after).to.equal(before);
      expect(watchers()).to.deep.equal([]);
      await command.finish();
    });
  }

  it('fits the terminal: no line is wider, and what has no room is counted', async function () {
    const runtime = fresh(this);
    const long = 'setpriv --pdeathsig KILL -- sleep 600 "$(printf %0100d 0)" &';
    const command = await startCommand(runtime, long.repeat(9));
    const shell = await readyTerminal(runtime, 'xterm');
    shell.type('stty rows 8 cols 40; "$RNETNS" ps --watch\n');
    await printed(shell, /… \d+ more lines/);
    const screen = shell.stdout().slice(shell.stdout().lastIndexOf('\x1b[H'));
    // eslint-disable-next-line no-control-regex
    const lines = screen.replace(/\x1b\[[0-9?]*[a-zA-Z]/g, '').split('\n');
    expect(lines).to.have.lengthOf.at.most(8);
    expect(Math.max(...lines.map((line) => line.length))).to.equal(40);
    shell.type('q');
    await waitFor(() => watchers().length === 0, { what: 'the end of it' });
    await command.finish();
  });

  it('gives the terminal back when it is stopped, and when it is ended by a signal', async function () {
    const runtime = fresh(this);
    const shell = await readyTerminal(runtime, 'xterm');
    shell.type('"$RNETNS" ps --watch\n');
    await printed(shell, 'default: down');
    shell.type('\x1a');
    await printed(shell, /Stopped/);
    expect(shell.stdout().split(BACK)).to.have.lengthOf(2);
    shell.type('fg\n');
    await waitFor(() => shell.stdout().split(OTHER_SCREEN).length === 3, { what: 'it to go on' });
    const [watcher = 0] = watchers();
    process.kill(watcher, 'SIGTERM');
    // What is typed before that is the watcher's to read.
    await printed(shell, 'Terminated');
    shell.type('echo "status $?"\n');
    await printed(shell, 'status 143\n');
    expect(shell.stdout().split(BACK)).to.have.lengthOf(3);
  });

  it('to a pipe: a JSON object a line with --json, and it ends when nobody reads', async function () {
    const runtime = fresh(this);
    const watching = spawnRnetns(['ps', '--watch', '--json'], { env: runtime.env });
    await waitFor(() => watching.stdout().split('\n').length > 2, { what: 'two answers' });
    const answers = watching.stdout().trim().split('\n');
    for (const answer of answers)
      expect(JSON.parse(answer) as Inventory).to.deep.equal({ processes: [], containers: [], ports: [] });
    watching.child.stdout?.destroy();
    expect(await watching.ended).to.deep.equal({ status: 0, signal: null });
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
  });
});
