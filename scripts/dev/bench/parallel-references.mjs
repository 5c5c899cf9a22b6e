/** 1,000 setups and teardowns of distinct ids from 16 processes: does each succeed, is the count exact, what does one take? */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { ms, percentile, row } from './figures.mjs';
import { allGone, env, keepPodman, keepRnetns, stateDir, status } from './host.mjs';

const CALLS = 1000;
const CALLERS = 16;
/** From one process, for what a call takes on a machine that has nothing else to do. */
const ALONE = 200;
const LIMIT_MS = 120_000;

/** bash(1), for its clock costs no process. A line for each call: its microseconds, or what went wrong. */
const CALLER = `
i=$1 calls=$2 callers=$3; shift 3
while [ $i -lt $calls ]; do
  begin=$EPOCHREALTIME
  "\${@//@/$i}" || echo "$*: status $?"
  end=$EPOCHREALTIME
  echo $((\${end/[.,]/} - \${begin/[.,]/}))
  i=$((i + callers))
done`;

/** The seconds of each of so many calls from so many processes; `@` in the command stands for the number of the call. */
async function call(calls, callers, ...command) {
  const all = Array.from({ length: callers }, async (_, i) => {
    const child = spawn('bash', ['-c', CALLER, 'bash', i, calls, callers, ...command].map(String), {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    let words = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (words += text));
    await once(child, 'exit');
    return words.trim().split('\n');
  });
  const lines = (await Promise.all(all)).flat();
  const bad = lines.filter((line) => !/^\d+$/.test(line));
  if (bad.length > 0 || lines.length !== calls) {
    throw new Error(`${command.join(' ')}: ${lines.length} lines from ${calls} calls; ${bad.slice(0, 3).join('; ')}`);
  }
  return lines.map((line) => Number(line) / 1e6);
}

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
