/**
 * Measure, and print what was compared and each figure beside its target. Called by bench.sh.
 *
 * Everything has its own HOME and XDG_RUNTIME_DIR, so a podman or rnetns of the caller's neither disturbs nor is disturbed.
 *   1. warm: a namespace of each kind is kept up by a command; entering it, in rounds, so that noise meets all alike
 *   2. 300 commands that wait at once: what they cost beside themselves; and 300 joins in parallel
 *   3. cold: from nothing, to a command, to nothing again
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const ROUNDS = 3;
const WARM_RUNS = Number(process.env.RNETNS_BENCH_RUNS ?? 100);
const COLD_RUNS = 10;
const AT_ONCE = 300;

const base = mkdtempSync(join(process.env.XDG_RUNTIME_DIR ?? tmpdir(), 'rnetns-bench-'));
const runtimeDir = join(base, 'run');
const env = { ...process.env, XDG_RUNTIME_DIR: runtimeDir, HOME: join(base, 'home') };
env.XDG_CONFIG_HOME = join(env.HOME, '.config');
env.PODMAN_IGNORE_CGROUPSV1_WARNING = '1';
// They cost Node milliseconds at its start.
delete env.NODE_EXTRA_CA_CERTS;
delete env.NODE_OPTIONS;
mkdirSync(runtimeDir, { mode: 0o700 });
mkdirSync(join(env.XDG_CONFIG_HOME, 'rnetns'), { recursive: true });
writeFileSync(join(env.XDG_CONFIG_HOME, 'rnetns', 'rnetns.conf'), '[rnetns]\nlinger = 0\n');
const stateDir = join(runtimeDir, 'rnetns', 'default');
const podmanDir = join(runtimeDir, 'containers', 'networks', 'rootless-netns');

const kill = (pid) => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
};

function output(file, args) {
  const { status, stdout, stderr, error } = spawnSync(file, args, { env, encoding: 'utf8', timeout: 60_000 });
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout.trim();
}

async function until(what, condition, timeoutMs = 10_000) {
  for (const deadline = Date.now() + timeoutMs; !condition(); await sleep(5)) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms until ${what}`);
  }
}

/** A command that keeps a namespace up. It says its pid, which is the same inside: no pid namespace is involved. */
async function keep(file, args) {
  const child = spawn(file, [...args, 'sh', '-c', 'echo $$; exec sleep 600'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [first] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => ['0'])]);
  const pid = Number(String(first));
  if (pid === 0) throw new Error(`${file} ${args.join(' ')} ended before its command began`);
  const ended = once(child, 'exit');
  return {
    pid,
    async end() {
      kill(pid);
      await ended;
    },
  };
}

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Median seconds of each command over all rounds. */
function hyperfine(commands, runs, warmup) {
  const times = commands.map(() => []);
  const json = join(base, 'hyperfine.json');
  for (let round = 0; round < ROUNDS; round += 1) {
    const options = ['-N', '--style', 'none', '--warmup', `${warmup}`, '--runs', `${runs}`, '--export-json', json];
    const { status, stderr } = spawnSync('hyperfine', [...options, ...commands], {
      env,
      encoding: 'utf8',
      timeout: 300_000,
    });
    if (status !== 0) throw new Error(`hyperfine ${commands.join(' | ')}: ${stderr.trim() || 'no end in 300 s'}`);
    JSON.parse(readFileSync(json, 'utf8')).results.forEach((result, i) => times[i].push(...result.times));
  }
  return times.map(median);
}

const read = (pid, file) => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
};
/** Processes that belong to this measurement: they name its directory, or have mounts in it. */
const ours = () =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => ['cmdline', 'environ', 'mountinfo'].some((file) => read(pid, file).includes(base)))
    .map(Number);
const kilobytes = (text, key) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? NaN);

/** A shell that starts AT_ONCE commands together. */
const parallel = (command) => `i=0; while [ $i -lt ${AT_ONCE} ]; do ${command} & i=$((i + 1)); done; wait`;

async function waitingCost(driverPid, before) {
  const shell = spawn('sh', ['-c', parallel('rnetns run -- sleep 600')], { env, stdio: 'ignore' });
  const children = () => read(shell.pid, `task/${shell.pid}/children`).trim().split(' ').filter(Boolean).map(Number);
  const waiting = () => children().filter((pid) => read(pid, 'comm') === 'sleep\n');
  try {
    await until(`${AT_ONCE} commands wait`, () => waiting().length === AT_ONCE, 60_000);
    const commands = new Set(waiting());
    const rest = ours().filter(
      (pid) => !commands.has(pid) && !before.has(pid) && pid !== shell.pid && pid !== driverPid,
    );
    const sum = (values) => values.reduce((a, b) => a + b, 0) / 1024;
    return {
      rssMb: sum(rest.map((pid) => kilobytes(read(pid, 'status'), 'VmRSS'))),
      pssMb: sum(rest.map((pid) => kilobytes(read(pid, 'smaps_rollup'), 'Pss'))),
      names: rest.map((pid) => read(pid, 'cmdline').replaceAll('\0', ' ').trim().slice(0, 60)),
    };
  } finally {
    const pids = children();
    const ended = once(shell, 'exit');
    for (const pid of pids) kill(pid);
    await ended;
  }
}

const rows = [];
const ms = (seconds) => `${(seconds * 1000).toFixed(2)} ms`;
function target(label, value, limit, unit = '') {
  const verdict = value <= limit ? 'reached' : 'NOT REACHED';
  rows.push([label, `${value.toFixed(3)}${unit}`, `<= ${limit}${unit}`, verdict]);
}

async function measure() {
  const before = new Set(ours());
  // 1. and 2. with podman's namespace up as well, so that both are looked at on the same host
  const podman = await keep('podman', ['unshare', '--rootless-netns']);
  const podmanProcesses = new Set([...before, ...ours()]);
  const rnetns = await keep('rnetns', ['run', '--']);
  const status = JSON.parse(output('rnetns', ['status', '--json']));
  const nsenter = `nsenter --target ${status.keeper?.pid ?? rnetns.pid} --user --mount --net --preserve-credentials true`;
  const warm = hyperfine(['rnetns run -- true', 'podman unshare --rootless-netns true', nsenter], WARM_RUNS, 10);
  rows.push(['warm: rnetns run -- true', ms(warm[0])], ['warm: podman unshare --rootless-netns true', ms(warm[1])]);
  rows.push(['warm: bare nsenter … true', ms(warm[2])]);
  target('warm: rnetns / podman', warm[0] / warm[1], 0.2);
  target('warm: rnetns / nsenter', warm[0] / warm[2], 4);
  const cost = await waitingCost(status.driver?.pid, new Set([...podmanProcesses, rnetns.pid]));
  target(`${AT_ONCE} commands waiting: RSS of ours`, cost.rssMb, 12, ' MB');
  rows.push(['  the same as PSS', `${cost.pssMb.toFixed(3)} MB`], ...cost.names.map((name) => [`  in it: ${name}`]));
  const joins = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const begin = performance.now();
    output('sh', ['-c', parallel('rnetns run -- true')]);
    joins.push((performance.now() - begin) / 1000);
  }
  target(`${AT_ONCE} joins in parallel`, median(joins), 3, ' s');
  await rnetns.end();
  await podman.end();
  await until('both namespaces are gone', () => !existsSync(stateDir) && !existsSync(podmanDir));

  // 3. until its directory is gone, for both
  const cycle = (command, dir) => `sh -c '${command}; while [ -e "${dir}" ]; do sleep 0.002; done'`;
  const commands = [cycle('rnetns run -- true', stateDir), cycle('podman unshare --rootless-netns true', podmanDir)];
  const cold = hyperfine(commands, COLD_RUNS, 1);
  rows.push(['cold: rnetns, until it is gone', ms(cold[0])], ['cold: podman, until it is gone', ms(cold[1])]);
  target('cold: rnetns / podman', cold[0] / cold[1], 3);
}

console.log(`kernel ${release()}, ${cpus().length} cores: ${cpus()[0]?.model ?? 'unknown'}`);
const version = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')).version;
// pasta 2025-05-03 says nothing when its stdout is no terminal.
const pasta = output('sh', ['-c', 'dpkg-query -W passt 2>/dev/null || pasta --version | head -n 1']).replace('\t', ' ');
console.log(`rnetns ${version} (Node ${process.version}), ${output('podman', ['--version'])}, ${pasta}`);
console.log(
  `${output('hyperfine', ['--version'])}; medians of ${ROUNDS} rounds of ${WARM_RUNS} (warm) and ${COLD_RUNS} (cold)`,
);
console.log('Only the ratios say something: both sides in one run, on one machine. A busy machine blurs them.\n');
let failure;
try {
  await measure();
} catch (error) {
  failure = error;
}
const width = Math.max(0, ...rows.filter((row) => row.length > 1).map(([label]) => label.length));
for (const [label, value = '', limit = '', verdict = ''] of rows) {
  console.log(`${label.padEnd(width)}  ${value.padStart(11)}  ${limit.padEnd(9)}  ${verdict}`.trimEnd());
}
// Whatever a failure left: it names a directory that only this run knows.
for (const pid of ours()) kill(pid);
await until('every process is gone', () => ours().every((pid) => read(pid, 'cmdline') === '')).catch(() => undefined);
spawnSync('podman', ['unshare', 'rm', '-rf', join(env.HOME, '.local')], { env, timeout: 30_000 });
for (const pid of ours()) kill(pid);
rmSync(base, { recursive: true, force: true });
if (failure !== undefined) {
  console.error(`bench: ${failure.message}`);
  process.exitCode = 1;
}
