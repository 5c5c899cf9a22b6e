import { join } from 'node:path';
import { expect } from 'chai';
import { addNetwork } from '../../src/cni/add.js';
import { checkNetwork } from '../../src/cni/check.js';
import { delNetwork } from '../../src/cni/del.js';
import { CniError } from '../../src/cni/error.js';
import { findNetwork } from '../../src/cni/load.js';
import { readResult } from '../../src/cni/result.js';
import type { PluginRunner } from '../../src/cni/runner.js';
import { spawnPlugin } from '../../src/cni/spawn-plugin.js';
import { attachment, cniErrorOf, listOf, PluginBench, scratch, script } from '../fixtures/cni/plugins.js';
import { privateHost, type PrivateHost } from '../fixtures/private-host.js';
import { requires } from '../fixtures/requirements.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';

/** Fresh namespaces with a /run and a /var/lib of their own, and the named network namespaces c1 and c2. */
const SETUP = `
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
ip link set lo up
for name in c1 c2; do ip netns add "$name"; done
`;

/** What plugins make and DEL must take away, a line each; the bridge and its empty chains stay. */
const LEFTOVERS = `
PATH=$PATH:/usr/sbin
ls /var/lib/cni/networks/* 2>/dev/null | grep -E '^(10|fd)' || :
ip -o link | grep -o 'veth[^:@]*' || :
for name in c1 c2; do ip -n "$name" -o link show eth0 2>/dev/null || :; done
rules=$(iptables -t nat -S && ip6tables -t nat -S && iptables -S && ip6tables -S)
printf '%s\\n' "$rules" | grep -E -- '-N CNI-[0-9a-f]|-N CNI-DN-|10\\.89\\.0\\.|fd72:' || :
`;

const LIST = findNetwork(['configs/cni'], 'rnetns').list;
const given = (name: string, more: object = {}) =>
  attachment({ containerId: `id-${name}`, netns: `/run/netns/${name}`, ...more });

async function start(context: Mocha.Context): Promise<{ host: PrivateHost; bench: PluginBench }> {
  const host = await privateHost(freshRuntimeDir(context), SETUP, { net: true });
  const enter = `exec nsenter --target ${host.pid} --user --mount --net --preserve-credentials --wd=/ --`;
  const wrapper = join(scratch(), 'enter');
  const runner: PluginRunner = (call) => spawnPlugin({ ...call, file: script(wrapper, `${enter} ${call.file}`) });
  return { host, bench: new PluginBench({ pluginDirs: ['/usr/lib/cni'], runner }) };
}

describe('cni: real plugins in namespaces', () => {
  before(function () {
    requires(this, 'userns', 'cni-plugins', 'busybox', 'ip');
  });

  it('the default list: two containers reach each other and a mapped port, and DEL leaves nothing', async function () {
    const { host, bench } = await start(this);
    const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }];
    const first = given('c1', { capabilityArgs: { portMappings, mac: '02:00:00:00:00:07' } });
    const second = given('c2');
    const { interfaces, ips } = readResult(await addNetwork(bench.cni, LIST, first), '1.0.0');
    expect(ips.map(({ address }) => address)).to.deep.equal(['10.89.0.2/24', 'fd72:6e65:746e::2/64']);
    expect(interfaces.at(-1)).to.include({ name: 'eth0', mac: '02:00:00:00:00:07', sandbox: '/run/netns/c1' });
    await addNetwork(bench.cni, LIST, second);
    await host.sh(`
      ip netns exec c2 busybox ping -c 1 -W 5 10.89.0.2 >/dev/null
      ip netns exec c2 busybox ping -c 1 -W 5 fd72:6e65:746e::2 >/dev/null
      ip netns exec c1 busybox nc -l -p 80 -e echo hello >/run/served 2>&1 &
      for try in 1 2 3 4 5 6 7 8 9 10; do
        said=$(ip netns exec c2 busybox nc -w 2 10.89.0.1 8080 </dev/null || :)
        [ "$said" != hello ] || exit 0
        sleep 0.2
      done
      echo "the mapped port said '$said'" >&2
      exit 1`);
    await checkNetwork(bench.cni, LIST.name, second, LIST);
    await host.sh('ip -n c2 route del default');
    const checked = await cniErrorOf(() => checkNetwork(bench.cni, LIST.name, second, LIST));
    expect(checked.message).to.match(/^checking eth0 of id-c2 on network rnetns failed on plugin bridge: /);
    const there = await host.sh(LEFTOVERS);
    for (const trace of [/^10\.89\.0\.3$/m, /^fd72:/m, /^veth/m, /: eth0@/, /-N CNI-DN-/, /-A CNI-FORWARD/]) {
      expect(there).to.match(trace);
    }
    // The network's file may be gone by then; and twice is not too often.
    for (const one of [first, second]) await delNetwork(bench.cni, LIST.name, one, new CniError(7, 'gone'));
    await delNetwork(bench.cni, LIST.name, first, LIST);
    expect(await host.sh(LEFTOVERS)).to.equal('');
    expect(bench.cached()).to.deep.equal([]);
  });

  it('a chain that fails late, a namespace that is gone: the error of the plugin, and nothing left', async function () {
    const { host, bench } = await start(this);
    const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'bogus' }];
    const late = await cniErrorOf(() => addNetwork(bench.cni, LIST, given('c1', { capabilityArgs: { portMappings } })));
    expect(late.message).to.match(/^adding eth0 of id-c1 to network rnetns failed on plugin portmap: /);
    const gone = await cniErrorOf(() => addNetwork(bench.cni, LIST, given('c9')));
    expect(gone.message).to.match(/failed on plugin bridge: failed to open netns "\/run\/netns\/c9"/);
    const tuning = { type: 'tuning', sysctl: { 'kernel.shmmax': '1' } };
    const plugins = [...LIST.plugins.slice(0, 3).map(({ config }) => config), tuning];
    const last = await cniErrorOf(() => addNetwork(bench.cni, listOf(plugins), given('c2')));
    expect(last.message).to.match(/failed on plugin tuning: /);
    expect(await host.sh(LEFTOVERS)).to.equal('');
    expect(bench.cached()).to.deep.equal([]);
    expect(bench.warnings).to.deep.equal([]);
  });

  it('a second ADD is refused, and the first one keeps its network', async function () {
    const { host, bench } = await start(this);
    await addNetwork(bench.cni, LIST, given('c1'));
    const again = await cniErrorOf(() => addNetwork(bench.cni, LIST, given('c1')));
    expect([again.cniCode, again.msg]).to.deep.equal([4, 'it is there already']);
    const other = await cniErrorOf(() => addNetwork(bench.cni, LIST, given('c1', { containerId: 'other' })));
    expect(other.message).to.include('eth0 in /run/netns/c1 is that of id-c1 on network rnetns');
    await host.sh('ip netns exec c1 busybox ping -c 1 -W 5 10.89.0.1 >/dev/null');
    await delNetwork(bench.cni, LIST.name, given('c1'), LIST);
    expect(await host.sh(LEFTOVERS)).to.equal('');
  });
});
