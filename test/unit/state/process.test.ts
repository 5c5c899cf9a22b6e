import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'chai';
import { commandLine, identifyProcess, isAlive, killProcess, namespaceInode } from '../../../src/state/process.js';
import { waitFor } from '../../fixtures/processes.js';

describe('processes', () => {
  it('are identified by pid and start time', () => {
    const self = identifyProcess(process.pid);
    expect(self?.pid).to.equal(process.pid);
    expect(self !== undefined && isAlive(self)).to.equal(true);
    expect(isAlive({ pid: process.pid, startTicks: 1 })).to.equal(false);
  });

  it('are dead when they are zombies', async () => {
    // Its parent never waits for it: exec replaces the shell that would have.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const [output] = (await once(parent.stdout, 'data')) as [Buffer];
      const zombie = Number(output.toString());
      await waitFor(() => identifyProcess(zombie) === undefined, {
        timeoutMs: 5000,
        what: 'the zombie to count as dead',
      });
      expect(commandLine(zombie)).to.deep.equal([]);
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('are not signalled when the pid belongs to another by now', () => {
    const stranger = spawn('sleep', ['30'], { stdio: 'ignore' });
    try {
      killProcess({ pid: stranger.pid ?? 0, startTicks: 1 });
      expect(identifyProcess(stranger.pid ?? 0)).to.not.equal(undefined);
    } finally {
      stranger.kill('SIGKILL');
    }
  });

  it('have namespaces by inode, and none when they are gone', () => {
    expect(namespaceInode(process.pid, 'net')).to.equal(namespaceInode('self', 'net'));
    expect(namespaceInode(4194304, 'net')).to.equal(undefined);
  });
});
