/** What `cni add` takes beside the plugins by themselves, and 100 containers put on a network and taken off by 8 processes. */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { call } from './callers.mjs';
import { median, ms, percentile, row, target } from './figures.mjs';
import { allGone, base, env, rnetns, stateDir } from './host.mjs';

const LIST = join(import.meta.dirname, '../../../configs/cni/87-rnetns.conflist');
const { name: NETWORK, cniVersion, plugins } = JSON.parse(readFileSync(LIST, 'utf8'));
const RUNS = 20;
/** They make the bridge, and fill caches. */
const WARM_UP = 2;
const CONTAINERS = 100;
const CALLERS = 8;

/**
 * The chain without us: each line of stdin is `ADD ID NETNS` or `DEL ID NETNS`, the answer its microseconds. What libcni
 * does for a call is a fork, an exec and some JSON; here the previous result goes into the request as text. bash(1), for
 * its clock costs no process; it has no variables but the plugins', so that they inherit just those.
 */
const DRIVER = `
mkdir -p "$1/var/lib/cni"
if [ -d /var/lib/cni ]; then mount --bind "$1/var/lib/cni" /var/lib/cni; else mount --bind "$1/var/lib" /var/lib; fi || exit 1
shift
export CNI_COMMAND CNI_CONTAINERID CNI_NETNS CNI_IFNAME=eth0 CNI_ARGS= CNI_PATH=/usr/lib/cni PATH=/usr/bin:/bin:/usr/sbin
declare -A result
while read -r CNI_COMMAND CNI_CONTAINERID CNI_NETNS; do
  previous=\${result[$CNI_CONTAINERID]-} order=
  for request; do
    if [ "$CNI_COMMAND" = ADD ]; then order="$order $((i++))"; else order="$((i++)) $order"; fi
  done
  i=0
  begin=$EPOCHREALTIME
  for i in $order; do
    request=\${@:i+1:1}
    type=\${request%%,*} type=\${type#*:\\"} type=\${type%\\"}
    [ -z "$previous" ] || request="\${request%\\}},\\"prevResult\\":$previous}"
    said=$("$CNI_PATH/$type" <<<"$request") || { echo "$type: $said"; exit 1; }
    [ "$CNI_COMMAND" = DEL ] || previous=$said
  done
  end=$EPOCHREALTIME
  result[$CNI_CONTAINERID]=
  [ "$CNI_COMMAND" = DEL ] || result[$CNI_CONTAINERID]=$previous
  i=0
  echo $((\${end/[.,]/} - \${begin/[.,]/}))
done`;

/** Ours, with the same lines, the same clock and as light a parent. */
const OURS = `
while read -r verb container netns; do
  begin=$EPOCHREALTIME
  said=$(rnetns cni "\${verb,,}" "$1" "$container" "$netns" 2>&1) || { echo "$said"; exit 1; }
  end=$EPOCHREALTIME
  echo $((\${end/[.,]/} - \${begin/[.,]/}))
done`;

/** A driver by its script; gives what does one verb, and its seconds. */
function startDriver(script, args, [file, ...before] = ['env']) {
  const child = spawn(file, [...before, 'bash', '--norc', '-c', script, 'bash', ...args], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async do(verb, container) {
      child.stdin.write(`${verb} ${container} ${join(env.XDG_RUNTIME_DIR, 'netns', container)}\n`);
      const { value = 'nothing' } = await answers.next();
      if (!/^\d+$/.test(value)) throw new Error(`${verb} said ${value}`);
      return Number(value) / 1e6;
    },
    end: () => child.stdin.end(),
  };
}

function startDrivers() {
  const requests = plugins.map(({ type, ...more }) => JSON.stringify({ type, ...more, name: NETWORK, cniVersion }));
  return {
    plugins: startDriver(DRIVER, [stateDir(), ...requests], ['rnetns', 'run', '--', 'env', '-i']),
    ours: startDriver(OURS, [NETWORK]),
  };
}

function useList() {
  const directory = join(env.XDG_CONFIG_HOME, 'cni', 'net.d');
  mkdirSync(directory, { recursive: true });
  copyFileSync(LIST, join(directory, '87-rnetns.conflist'));
}

/** Taking turns, so that noise meets both alike. */
export async function cni() {
  useList();
  rnetns('netns', 'add', 'probe');
  const drivers = startDrivers();
  const times = { plugins: [], pluginsDel: [], add: [], del: [] };
  for (let i = 0; i < RUNS + WARM_UP; i += 1) {
    times.plugins.push(await drivers.plugins.do('ADD', 'probe'));
    times.pluginsDel.push(await drivers.plugins.do('DEL', 'probe'));
    times.add.push(await drivers.ours.do('ADD', 'probe'));
    times.del.push(await drivers.ours.do('DEL', 'probe'));
  }
  for (const driver of Object.values(drivers)) driver.end();
  rnetns('netns', 'delete', 'probe');
  await allGone();
  const [own, ownDel, add, del] = Object.values(times).map((seconds) => median(seconds.slice(WARM_UP)));
  row('the plugins by themselves: ADD', ms(own));
  row('the plugins by themselves: DEL', ms(ownDel));
  row('cni add', ms(add));
  row('cni del', ms(del));
  row('cni add / the plugins', (add / own).toFixed(3));
  target("cni add: beyond 1.15 x the plugins' own time", (add - 1.15 * own) * 1000, 80, ' ms');
  await manyContainers();
}

async function manyContainers() {
  const results = join(base, 'results');
  mkdirSync(results);
  await call(CONTAINERS, CALLERS, 'rnetns', 'netns', 'add', 'c@');
  const script = 'exec rnetns cni add "$1" "$2" "$2" >"$3/$2"';
  const added = await call(CONTAINERS, CALLERS, 'sh', '-c', script, 'sh', NETWORK, 'c@', results);
  const addresses = readdirSync(results).flatMap((file) =>
    JSON.parse(readFileSync(join(results, file), 'utf8')).ips.map(({ address }) => address),
  );
  const leases = () => readdirSync(join(stateDir(), 'var/lib/cni/networks', NETWORK)).filter((f) => /[.:]\w/.test(f));
  const distinct = new Set(addresses).size;
  if (distinct !== 2 * CONTAINERS) throw new Error(`${CONTAINERS} containers have ${distinct} addresses`);
  const deleted = await call(CONTAINERS, CALLERS, 'rnetns', 'cni', 'del', NETWORK, 'c@', 'c@');
  const left = leases().filter((file) => !file.startsWith('last_reserved_ip'));
  if (left.length > 0) throw new Error(`addresses are still taken: ${left.join(', ')}`);
  await call(CONTAINERS, CALLERS, 'rnetns', 'netns', 'delete', 'c@');
  await allGone();
  for (const [verb, seconds] of Object.entries({ added, deleted })) {
    const figures = `p50 ${ms(percentile(seconds, 0.5))}, p99 ${ms(percentile(seconds, 0.99))}`;
    row(`${CONTAINERS} containers ${verb} by ${CALLERS} callers`, figures);
  }
}
