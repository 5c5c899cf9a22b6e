/** 1,000 setups and teardowns of distinct ids from 16 processes: does each succeed, is the count exact, what does one take? */
import { existsSync } from 'node:fs';
import { call } from './callers.mjs';
import { ms, percentile, row } from './figures.mjs';
import { allGone, keepPodman, keepRnetns, stateDir, status } from './host.mjs';

const CALLS = 1000;
const CALLERS = 16;
/** From one process, for what a call takes on a machine that has nothing else to do. */
const ALONE = 200;

function figures(label, seconds) {
  row(label, `p50 ${ms(percentile(seconds, 0.5))}, p99 ${ms(percentile(seconds, 0.99))}`);
}

async function setupsAndTeardowns(where, calls, callers, countAfter) {
  figures(`${where}: setup --id`, await call(calls, callers, 'rnetns', 'setup', '--id', 'container-@'));
  exactly(calls);
  figures(`${where}: teardown --id`, await call(calls, callers, 'rnetns', 'teardown', '--id', 'container-@'));
  exactly(countAfter);
}

function exactly(expected) {
  const { refCount } = status();
  if (refCount !== expected) throw new Error(`${refCount} references, not ${expected}`);
}

export async function parallelReferences() {
  await setupsAndTeardowns(`${CALLERS} callers, from nothing`, CALLS, CALLERS, null);
  if (existsSync(stateDir())) throw new Error('the last teardown left the namespace');
  const command = await keepRnetns();
  await setupsAndTeardowns(`${CALLERS} callers, a command inside`, CALLS, CALLERS, 0);
  await setupsAndTeardowns('one caller, a command inside', ALONE, 1, 0);
  await command.end();
  // From one process only: podman 5.4.2 loses its count with 16, and panics.
  const podman = await keepPodman();
  figures(
    'one caller: podman unshare --rootless-netns',
    await call(ALONE, 1, 'podman', 'unshare', '--rootless-netns', 'true'),
  );
  await podman.end();
  await allGone();
}
