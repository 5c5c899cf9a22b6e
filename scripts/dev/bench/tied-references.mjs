/** How long after the end of its process a reference is dropped, and the namespace gone that was there only for it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, row, target } from './figures.mjs';
import { rnetns, stateDir, until } from './host.mjs';

const RUNS = 20;

export async function tiedReferences() {
  const dropped = [];
  const gone = [];
  for (let i = 0; i < RUNS; i += 1) {
    const owner = spawn('sleep', ['600'], { stdio: 'ignore' });
    const ended = once(owner, 'exit');
    rnetns('setup', '--id', 'tied', '--pid', String(owner.pid));
    // It is looked for once a second: meet every moment between two looks.
    await sleep(1000 + (1000 * i) / RUNS);
    const begin = performance.now();
    owner.kill('SIGKILL');
    await until('the reference is dropped', () => !existsSync(join(stateDir(), 'tied', 'tied')));
    dropped.push((performance.now() - begin) / 1000);
    await until('the namespace is gone', () => !existsSync(stateDir()));
    gone.push((performance.now() - begin) / 1000);
    await ended;
  }
  row('dead process: its reference dropped, median', `${median(dropped).toFixed(3)} s`);
  target('dead process: its reference dropped, longest', Math.max(...dropped), 2, ' s');
  row('dead process: the namespace gone, median', `${median(gone).toFixed(3)} s`);
  row('dead process: the namespace gone, longest', `${Math.max(...gone).toFixed(3)} s`);
}
