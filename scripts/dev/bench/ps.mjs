/** How long `ps` takes with many containers on a bridge or many processes, alone and when ten ask at once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { median, row, target } from './figures.mjs';
import { allGone, env } from './host.mjs';

const CONTAINERS = 100;
const PROCESSES = 500;
const AT_ONCE = 10;
const ROUNDS = 5;

/** They are in the background of a command, and end with it. */
const WITH_CONTAINERS = `
set -e
ip link add br0 up type bridge
i=1
while [ $i -le ${CONTAINERS} ]; do
  unshare --net setpriv --pdeathsig KILL -- sleep 600 &
  while [ /proc/$!/ns/net -ef /proc/self/ns/net ]; do sleep 0.01; done
  ip link add v$i type veth peer name eth0 netns $!
  ip link set v$i master br0 up
  nsenter --net=/proc/$!/ns/net ip -batch - <<END
addr add 10.88.1.$i/16 dev eth0
link set eth0 up
END
  i=$((i + 1))
done
echo up
read -r _ || :`;

const WITH_PROCESSES = `
i=1
while [ $i -le ${PROCESSES} ]; do setpriv --pdeathsig KILL -- sleep 600 & i=$((i + 1)); done
echo up
read -r _ || :`;

async function keep(script) {
  const child = spawn('rnetns', ['run', '--', 'sh', '-c', script], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const [first] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => [''])]);
  if (String(first) !== 'up\n') throw new Error('what is to be looked at could not be made');
  const ended = once(child, 'exit');
  return async () => {
    child.stdin.end();
    await ended;
  };
}

/** Its seconds; an answer that isn't complete is no answer. */
async function ask(complete) {
  const begin = performance.now();
  const child = spawn('rnetns', ['ps', '--json'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  await once(child, 'close');
  const seconds = (performance.now() - begin) / 1000;
  const { processes, containers } = JSON.parse(text);
  if (!complete(processes, containers)) {
    throw new Error(`ps told of ${processes.length} processes and ${containers.length} containers`);
  }
  return seconds;
}

async function rounds(callers, complete) {
  const times = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    times.push(...(await Promise.all(Array.from({ length: callers }, () => ask(complete)))));
  }
  return times;
}

export async function ps() {
  const endContainers = await keep(WITH_CONTAINERS);
  const isComplete = (_processes, containers) =>
    new Set(containers.flatMap(({ addresses, mac }) => (mac === '' ? [] : addresses))).size === CONTAINERS;
  row(`ps with ${CONTAINERS} containers, median`, `${median(await rounds(1, isComplete)).toFixed(3)} s`);
  const together = await rounds(AT_ONCE, isComplete);
  target(`the same, ${AT_ONCE} at once, median`, median(together), 1, ' s');
  row(`the same, ${AT_ONCE} at once, longest`, `${Math.max(...together).toFixed(3)} s`);
  await endContainers();
  await allGone();

  const endProcesses = await keep(WITH_PROCESSES);
  target(
    `ps with ${PROCESSES} processes, median`,
    median(await rounds(1, (processes) => processes.length > PROCESSES)),
    1,
    ' s',
  );
  await endProcesses();
  await allGone();
}
