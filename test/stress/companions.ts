/** Processes of ours beside rnetns: those that references are tied to, and bystanders that nobody may signal. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { alive } from '../fixtures/processes.js';
import { NAMES } from './plan.js';
import { Violation } from './violation.js';
import type { World } from './world.js';

const asleep = (argv0: string, ...args: string[]): ChildProcess =>
  // `sh -c PROGRAM NAME ARG…`: the arguments are there to be seen, and mean nothing.
  spawn('sh', ['-c', 'while :; do sleep 1000; done', argv0, ...args], { argv0, stdio: 'ignore', detached: true });

async function endAll(children: readonly ChildProcess[], kill: (child: ChildProcess) => void): Promise<void> {
  await Promise.all(
    children
      .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
      .map(async (child) => {
        const exit = once(child, 'exit');
        kill(child);
        await exit;
      }),
  );
}

/** A process of a container's, as it were; it dies by itself after so long. */
export class TiedProcesses {
  private readonly children = new Set<ChildProcess>();

  start(livesMs: number): number {
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    this.children.add(child);
    const timer = setTimeout(() => child.kill('SIGKILL'), livesMs);
    child.once('exit', () => {
      clearTimeout(timer);
      this.children.delete(child);
    });
    return child.pid ?? 0;
  }

  async end(): Promise<void> {
    await endAll([...this.children], (child) => child.kill('SIGKILL'));
  }
}

export class Bystanders {
  private readonly children: ChildProcess[];

  constructor({ runtime, stateDir }: { runtime: World['runtime']; stateDir: World['stateDir'] }) {
    this.children = NAMES.flatMap((name) => [
      // Ours in all but the directory
      asleep('sh', 'supervisor.sh', `${stateDir(name)}-of-another`, 'generation', 'again'),
      asleep('pasta', '--config-net', `${stateDir(name)}-of-another/rootless-netns`),
      // The directory, and another role
      asleep('sh', 'backup.sh', stateDir(name)),
      asleep('tail', '-f', join(stateDir(name), 'rootless-netns')),
      asleep('node', join(runtime.dir, 'main.js'), 'ensure', '--name', name),
    ]);
  }

  check(): void {
    const dead = this.children.filter(({ pid }) => !alive(pid ?? 0));
    if (dead.length === 0) return;
    throw new Violation(
      'bystander',
      `a stranger was ended: ${dead.map(({ spawnargs }) => spawnargs.slice(3).join(' ')).join('; ')}`,
    );
  }

  async end(): Promise<void> {
    // With the `sleep` that each waits for.
    await endAll(this.children, ({ pid = 0 }) => process.kill(-pid, 'SIGKILL'));
  }
}
