/** Published ports: ours beside podman's rootlessport and pasta's own forwarding, all to the same server in a namespace of each. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, ms, row, target } from './figures.mjs';
import { base, env, kill, output, ours, read, rnetns, stateDir, until } from './host.mjs';
import { hyperfine } from './hyperfine.mjs';

const MEGABYTES = Number(process.env.RNETNS_BENCH_MEGABYTES ?? 1500);
const CONNECTIONS = Number(process.env.RNETNS_BENCH_CONNECTIONS ?? 4000);
const HELD = 10_000;
const ROUNDS = 5;
const INSIDE = 8080;
const PORTS = [0, 1, 2, 3].map((index) => INSIDE + index);
const SERVER = [process.execPath, join(import.meta.dirname, 'ports-server.mjs'), '0.0.0.0', INSIDE, MEGABYTES].map(
  String,
);
const CLIENT = join(import.meta.dirname, 'ports-client.mjs');

/** A program that says a line when it is ready. */
async function start(file, args, options = {}) {
  const child = spawn(file, args, { env, stdio: ['pipe', 'pipe', 'pipe'], ...options });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (words += text));
  const first = await Promise.race([
    once(child.stdout, 'data').then(([data]) => String(data)),
    once(child, 'exit').then(() => ''),
    sleep(20_000, '', { ref: false }),
  ]);
  if (first === '') {
    kill(child.pid);
    throw new Error(`${file} ${args.join(' ').slice(0, 100)} did not start: ${words}`);
  }
  return child;
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** As podman starts it for a container (pkg/rootlessport): settings on stdin, 3 tells it to end, 4 that it is ready. */
const ROOTLESSPORT = `
mkfifo "$HOME/up" "$HOME/exit" "$HOME/ready"
unshare --net -- sh -c 'ip link set lo up; exec "$0" "$@"' "$@" >"$HOME/up" & server=$!
read -r up <"$HOME/up"
exec 3<>"$HOME/exit" 4<>"$HOME/ready"
for dir in /usr/libexec/podman /usr/lib/podman; do [ ! -x "$dir/rootlessport" ] || helper=$dir/rootlessport; done
printf '{"Mappings":[%s],"NetNSPath":"/proc/%s/ns/net","ExitFD":3,"ReadyFD":4,"TmpDir":"%s"}' "$mappings" $server "$HOME" |
  exec "$helper" & helper=$!
trap 'kill $server $helper' EXIT
head -c 1 <&4 >/dev/null && echo up
read -r _
`;

/** Each: what it is called, what its processes are called, how it is started with the ports of the host. */
const FORWARDERS = [
  {
    name: 'rootlessport',
    process: /^(\S*\/)?rootlessport/,
    async start(from) {
      const mappings = PORTS.map(
        (port, index) =>
          `{"host_ip":"127.0.0.1","container_port":${port},"host_port":${from + index},"range":1,"protocol":"tcp"}`,
      );
      const child = await start('podman', ['unshare', 'bash', '-c', ROOTLESSPORT, 'bash', ...SERVER], {
        env: { ...env, mappings: mappings.join(','), HOME: workDir('rootlessport') },
      });
      return async () => {
        const ended = once(child, 'exit');
        child.stdin.end();
        await ended;
      };
    },
  },
  {
    name: 'pasta',
    process: /^\S*pasta\S* --config-net -t/,
    async start(from) {
      const ports = PORTS.map((port, index) => ['-t', `127.0.0.1/${from + index}:${port}`]).flat();
      // Its environment can't be read, so that it is known by a word.
      const child = await start('pasta', ['--config-net', ...ports, '-u', 'none', '--quiet', '--', ...SERVER, base]);
      return () => end(child);
    },
  },
  {
    name: 'rnetns',
    process: /\/(forwarder|connector)\.cjs /,
    async start(from) {
      const child = await start('rnetns', ['run', '--', ...SERVER]);
      rnetns('port', 'add', `127.0.0.1:${from}-${from + 3}:${INSIDE}-${INSIDE + 3}`);
      return async () => {
        await end(child);
        await until('the namespace is gone', () => !existsSync(stateDir()));
      };
    },
  },
];

function workDir(name) {
  const path = join(base, name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** bash(1) connects by itself; what it takes is the time until the other end has everything. */
const seconds = (script, port) => {
  const begin = performance.now();
  const { status, stderr } = spawnSync(
    'bash',
    ['-c', `exec 3<>/dev/tcp/127.0.0.1/${port} && ${script}`, 'bash', MEGABYTES],
    {
      encoding: 'utf8',
      timeout: 120_000,
    },
  );
  if (status !== 0) throw new Error(`port ${port}: ${stderr}`);
  return (performance.now() - begin) / 1000;
};
const gigabits = (time) => (MEGABYTES * 2 ** 20 * 8) / time / 1e9;

/** `work`: how many of `unit` there are in one measurement. */
const MEASURES = {
  'Gbit/s to the server': {
    ...{ work: MEGABYTES, unit: 'MB to it' },
    measure: (port) =>
      gigabits(seconds('dd if=/dev/zero bs=1M count="$1" >&3 2>/dev/null && read -r -n 1 answer <&3', port + 1)),
  },
  'Gbit/s from the server': {
    ...{ work: MEGABYTES, unit: 'MB from it' },
    measure: (port) => gigabits(seconds('dd bs=1M of=/dev/null <&3 2>/dev/null', port + 2)),
  },
  'connections a second': {
    ...{ work: CONNECTIONS, unit: 'connection' },
    measure: (port) => CONNECTIONS / Number(output(process.execPath, [CLIENT, 'rate', port, CONNECTIONS].map(String))),
  },
};

const pidsOf = (pattern) => ours().filter((pid) => pattern.test(read(pid, 'cmdline').replaceAll('\0', ' ')));

/** Of what shares its memory with others its part, in MB. */
function memory(pattern) {
  const sizes = pidsOf(pattern).map((pid) => {
    const [, size = 0] =
      /^Pss:\s+(\d+)/m.exec(read(pid, 'smaps_rollup')) ?? /^VmRSS:\s+(\d+)/m.exec(read(pid, 'status')) ?? [];
    return Number(size);
  });
  return sizes.reduce((sum, size) => sum + size, 0) / 1024;
}

/** Seconds of CPU that its processes have had, in clock ticks of 10 ms (proc_pid_stat(5)). */
function cpu(pids) {
  const ticks = pids.map((pid) =>
    read(pid, 'stat')
      .replace(/^.*\) /s, '')
      .split(' '),
  );
  return ticks.reduce((sum, fields) => sum + Number(fields[11] ?? 0) + Number(fields[12] ?? 0), 0) / 100;
}

async function hold(port, count, act) {
  const client = await start(process.execPath, [CLIENT, 'hold', String(port + 3), String(count)]);
  try {
    return await act();
  } finally {
    await end(client);
  }
}

export async function ports(warmRuns) {
  const running = [];
  try {
    for (const [index, forwarder] of FORWARDERS.entries()) {
      const from = 18_080 + 10 * index;
      running.push({ ...forwarder, from, end: await forwarder.start(from) });
    }
    await throughput(running);
    for (const each of running) await measureMemory(each);
    addAndDelete(warmRuns);
  } finally {
    for (const each of running.reverse()) await each.end().catch((error) => console.error(`bench: ${error.message}`));
  }
  await until('every forwarder is gone', () => FORWARDERS.every(({ process: pattern }) => memory(pattern) === 0));
}

async function measureMemory({ name, from, process: pattern }) {
  const idle = memory(pattern);
  row(`${name}: memory before`, `${idle.toFixed(1)} MB`);
  try {
    const full = await hold(from, HELD, async () => memory(pattern));
    row(`${name}: memory with ${HELD} connections`, `${full.toFixed(1)} MB`);
    row(`${name}: memory of a connection`, `${(((full - idle) * 1024) / HELD).toFixed(1)} kB`);
  } catch (error) {
    if (name === 'rnetns') throw error;
    row(`${name}: memory with ${HELD} connections`, 'not held');
  }
}

/**
 * One after the other in each round: what disturbs the machine disturbs all of them. CPU says the same with less noise: a busy machine
 * gives two programs twice the time of one.
 */
async function throughput(running) {
  const results = new Map();
  const note = (key, value) => results.set(key, [...(results.get(key) ?? []), value]);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [what, { measure }] of Object.entries(MEASURES)) {
      for (const { name, from, process: pattern } of running) {
        const pids = pidsOf(pattern);
        const before = cpu(pids);
        note(`${name}: ${what}`, measure(from));
        note(`${name}: CPU ${what}`, cpu(pids) - before);
      }
    }
  }
  for (const [what, { work, unit }] of Object.entries(MEASURES)) {
    const of = (name, kind = '') => median(results.get(`${name}: ${kind}${what}`));
    for (const { name } of running) {
      const figure = of(name);
      row(`${name}: ${what}`, figure < 100 ? figure.toFixed(2) : figure.toFixed(0));
      row(`${name}: CPU of a ${unit}`, `${((of(name, 'CPU ') / work) * 1000).toFixed(3)} ms`);
    }
    target(`rootlessport / rnetns: ${what}`, of('rootlessport') / of('rnetns'), 1.333);
    target(`rnetns / rootlessport: CPU of a ${unit}`, of('rnetns', 'CPU ') / of('rootlessport', 'CPU '), 1.333);
  }
}

/** Beside a setup, which is what a runtime does at the same time. */
function addAndDelete(warmRuns) {
  const add = 'rnetns port add 127.0.0.1:1820';
  const remove = 'rnetns port delete 1820';
  const commands = [
    { run: `${add}0:8080`, prepare: `${remove}0` },
    { run: `${remove}1`, prepare: `${add}1:8080` },
    { run: 'rnetns setup --id probe', prepare: 'rnetns teardown --id probe' },
  ];
  const [adding, deleting, setup] = hyperfine(commands, Math.min(warmRuns, 40), 3);
  rnetns('teardown', '--id', 'probe');
  row('port add', ms(adding));
  row('port delete', ms(deleting));
  row('setup --id', ms(setup));
  target('(port add + port delete) / setup --id', (adding + deleting) / setup, 3);
}
