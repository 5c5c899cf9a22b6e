/** On a terminal the command is what the terminal's shell started: Ctrl-C, job control and window size are its own. */

import { expect } from 'chai';
import { printed, statusOf } from '../fixtures/netns-facts.js';
import { alive, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { readyTerminal as ready } from '../fixtures/terminal.js';

describe('run: on a terminal', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'script');
  });

  it('stdin, stdout and stderr of the command are the terminal', async function () {
    const shell = await ready(freshRuntimeDir(this));
    shell.type('tty; "$RNETNS" run -- sh -c "tty; test -t 0 && test -t 1 && test -t 2; echo terminal \\$?"\n');
    const text = await printed(shell, /terminal \d\n/);
    const names = [...text.matchAll(/^\/dev\/pts\/\d+$/gm)].map(([name]) => name);
    expect(names).to.have.lengthOf(2);
    expect(names[0]).to.equal(names[1]);
    expect(text).to.include('terminal 0\n');
  });

  it('Ctrl-C ends the command and nothing else', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure('[rnetns]\nlinger = 20\n');
    const shell = await ready(runtime);
    // The first run makes the namespace: what it starts must not be in the terminal's foreground either.
    shell.type('"$RNETNS" run -- sh -c "echo waiting; exec sleep 60"\n');
    await printed(shell, 'waiting\n');
    const before = await statusOf(runtime.env);
    shell.type('\x03');
    await waitFor(async () => (await statusOf(runtime.env)).processes === 0, { what: 'the command to end' });
    shell.type('echo "status $?"\n');
    expect(await printed(shell, /status \d+\n/)).to.include('status 130\n');
    const after = await statusOf(runtime.env);
    expect(after).to.deep.include({ state: 'running', generation: before.generation, supervisor: before.supervisor });
    expect(after.driver).to.deep.include({ pid: before.driver?.pid, restarts: 0 });
    expect(after.processes).to.equal(0);
    shell.type('echo "shell is still here"\n');
    await printed(shell, 'shell is still here\n');
  });

  it('the end of the terminal ends the command by SIGHUP, and the namespace lives on for others', async function () {
    const runtime = freshRuntimeDir(this);
    runtime.configure('[rnetns]\nlinger = 20\n');
    const shell = await ready(runtime);
    shell.type('"$RNETNS" run -- sh -c "echo pid \\$\\$; exec sleep 60"\n');
    const pid = Number(/pid (\d+)/.exec(await printed(shell, /pid \d+\n/))?.[1]);
    const before = await statusOf(runtime.env);
    shell.child.kill('SIGKILL');
    await shell.ended;
    await waitFor(() => !alive(pid), { what: 'the command to end' });
    expect(await statusOf(runtime.env)).to.deep.include({ state: 'running', generation: before.generation });
  });

  it('Ctrl-Z stops the command, and fg and bg go on with it', async function () {
    const shell = await ready(freshRuntimeDir(this));
    shell.type('"$RNETNS" run -- sh -c "echo up; read line; echo got \\$line"\n');
    await printed(shell, 'up\n');
    shell.type('\x1a');
    await printed(shell, /Stopped/);
    shell.type('jobs; fg\n');
    await printed(shell, /Stopped[^]*Stopped/);
    shell.type('a line\n');
    expect(await printed(shell, 'got a line\n')).to.not.include('rnetns:');

    shell.type('"$RNETNS" run -- sh -c "kill -STOP \\$\\$; echo went on"\n');
    await printed(shell, /Stopped[^]*Stopped[^]*Stopped/);
    shell.type('bg; wait; echo "waited $?"\n');
    expect(await printed(shell, /waited \d+\n/)).to.match(/went on\n[^]*waited 0\n/);
  });

  it('the command has the window size, and hears of a change', async function () {
    const runtime = freshRuntimeDir(this);
    const shell = await ready(runtime);
    shell.type('stty rows 33 cols 77; "$RNETNS" run -- stty size; tty\n');
    const name = /^\/dev\/pts\/\d+$/m.exec(await printed(shell, /33 77\n\/dev\/pts\/\d+\n/))?.[0];
    // Rows and columns may come as two changes.
    const script = 'trap "stty size | grep 88 && exit 0" WINCH; echo watching; while :; do sleep 0.05; done';
    shell.type(`"$RNETNS" run -- sh -c '${script}'\n`);
    await printed(shell, 'watching\n');
    await run(['-F', name!, 'rows', '44', 'cols', '88'], { file: 'stty' });
    await printed(shell, '44 88\n');
  });

  it('`shell` is an interactive $SHELL in the namespace', async function () {
    const runtime = freshRuntimeDir(this);
    const shell = await ready(runtime);
    shell.type('SHELL=/bin/bash "$RNETNS" shell\n');
    shell.type('echo "uid $(id -u) $- $BASH"; readlink /proc/self/ns/net; exit 7\n');
    shell.type('echo "shell ended with $?"; readlink /proc/self/ns/net\n');
    const text = await printed(shell, /shell ended with \d+\nnet:.*\n/);
    expect(text)
      .to.match(/uid 0 \S*i\S* \/bin\/bash\n/)
      .and.include('shell ended with 7\n');
    const [inside, outside] = [...text.matchAll(/net:\[\d+\]/g)].map(([ns]) => ns);
    expect(inside).to.not.equal(outside);
  });
});
