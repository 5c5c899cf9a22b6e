/** What `run` costs: on a namespace that is up, 300 at once, and from nothing to nothing again. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { median, ms, row, target } from './figures.mjs';
import {
  allGone,
  env,
  keepPodman,
  keepRnetns,
  kill,
  ours,
  output,
  podmanDir,
  read,
  stateDir,
  status,
  until,
} from './host.mjs';
import { ROUNDS, hyperfine } from './hyperfine.mjs';

const AT_ONCE = 300;
const COLD_RUNS = 10;

const kilobytes = (text, key) => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? NaN);

/** A shell that starts AT_ONCE commands together. */
const parallel = (command) => `i=0; while [ $i -lt ${AT_ONCE} ]; do ${command} & i=$((i + 1)); done; wait`;

/** Of ours without driver and commands. */
function restCost(isOther) {
  const rest = ours().filter((pid) => !isOther(pid));
  const sum = (values) => values.reduce((a, b) => a + b, 0) / 1024;
  return {
    rssMb: sum(rest.map((pid) => kilobytes(read(pid, 'status'), 'VmRSS'))),
    pssMb: sum(rest.map((pid) => kilobytes(read(pid, 'smaps_rollup'), 'Pss'))),
    names: rest.map((pid) => read(pid, 'cmdline').replaceAll('\0', ' ').trim().slice(0, 60)),
  };
}

async function waitingCost(driverPid, before) {
  const shell = spawn('sh', ['-c', parallel('rnetns run -- sleep 600')], { env, stdio: 'ignore' });
  const children = () => read(shell.pid, `task/${shell.pid}/children`).trim().split(' ').filter(Boolean).map(Number);
  const waiting = () => children().filter((pid) => read(pid, 'comm') === 'sleep\n');
  try {
    await until(`${AT_ONCE} commands wait`, () => waiting().length === AT_ONCE, 60_000);
    const commands = new Set(waiting());
    return restCost((pid) => commands.has(pid) || before.has(pid) || pid === shell.pid || pid === driverPid);
  } finally {
    const pids = children();
    const ended = once(shell, 'exit');
    for (const pid of pids) kill(pid);
    await ended;
  }
}

/** With podman's namespace up as well, so that both are looked at on the same host. */
export async function joining(warmRuns) {
  const before = new Set(ours());
  const podman = await keepPodman();
  const podmanProcesses = new Set([...before, ...ours()]);
  const rnetns = await keepRnetns();
  const { keeper, driver } = status();
  const nsenter = `nsenter --target ${keeper?.pid ?? rnetns.pid} --user --mount --net --preserve-credentials true`;
  const warm = hyperfine(['rnetns run -- true', 'podman unshare --rootless-netns true', nsenter], warmRuns, 10);
  row('warm: rnetns run -- true', ms(warm[0]));
  row('warm: podman unshare --rootless-netns true', ms(warm[1]));
  row('warm: bare nsenter … true', ms(warm[2]));
  // util-linux 2.38 enters namespace by namespace, and its sh takes longer to start: there it is 0.2.
  target('warm: rnetns / podman', warm[0] / warm[1], 0.15);
  target('warm: rnetns / nsenter', warm[0] / warm[2], 4);
  const idle = restCost((pid) => podmanProcesses.has(pid) || pid === rnetns.pid || pid === driver?.pid);
  target('idle: RSS beside the driver', idle.rssMb, 8, ' MB');
  target('idle: PSS beside the driver', idle.pssMb, 1, ' MB');
  const cost = await waitingCost(driver?.pid, new Set([...podmanProcesses, rnetns.pid]));
  target(`${AT_ONCE} commands waiting: RSS of ours`, cost.rssMb, 12, ' MB');
  row('  the same as PSS', `${cost.pssMb.toFixed(3)} MB`);
  for (const name of cost.names) row(`  in it: ${name}`);
  const joins = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const begin = performance.now();
    output('sh', ['-c', parallel('rnetns run -- true')]);
    joins.push((performance.now() - begin) / 1000);
  }
  target(`${AT_ONCE} joins in parallel`, median(joins), 3, ' s');
  await rnetns.end();
  await podman.end();
  await allGone();
}

/** Until its directory is gone, for both; ours by the kept plan, and where a plan has to be made. */
export function cold() {
  const cycle = (command, dir) => `sh -c '${command}; while [ -e "${dir}" ]; do sleep 0.002; done'`;
  const kept = join(dirname(stateDir()), '.outside/.plan.default');
  const rnetns = cycle('rnetns run -- true', stateDir());
  const podman = cycle('podman unshare --rootless-netns true', podmanDir);
  const times = hyperfine([rnetns, podman], COLD_RUNS, 1);
  const [planned = NaN] = hyperfine([{ run: rnetns, prepare: `rm -f ${kept}` }], COLD_RUNS, 1);
  row('cold: rnetns by the kept plan, until it is gone', ms(times[0]));
  row('cold: rnetns with a new plan, until it is gone', ms(planned));
  row('cold: podman, until it is gone', ms(times[1]));
  target('cold: rnetns by the kept plan / podman', times[0] / times[1], 1);
  target('cold: rnetns with a new plan / podman', planned / times[1], 2.5);
}
