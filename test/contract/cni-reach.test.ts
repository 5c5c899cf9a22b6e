/**
 * The default network on a host of the test's own: two named namespaces reach each other, and a server in another
 * namespace beside the host, with either driver and either kind of iptables. The host's files and rules stay as they are.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FAR, privateHost, type PrivateHost } from '../fixtures/private-host.js';
import { waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { projectRoot } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** The host, with rules of its own, and the namespace `far` on its only link; 198.51.100.0/24 is for documentation, RFC 5737. */
const HOST = `
${FAR}
ip addr add 198.51.100.1/24 dev up0
ip -n far addr add 198.51.100.2/24 dev up1
ip link set up0 up
ip -n far link set up1 up
ip route add default via 198.51.100.2
nft add table inet of_the_host
nft add chain inet of_the_host input '{ type filter hook input priority 0; }'
nft add rule inet of_the_host input tcp dport 9 drop
`;

/** All that CNI plugins would change on a host. */
const TRACES = `
ls -A /run /run/netns /run/cni /var/lib/cni/. 2>&1 || :
/usr/sbin/nft list ruleset
export XTABLES_LOCKFILE=/dev/null
for table in nat filter; do /usr/sbin/iptables-legacy -t $table -S; /usr/sbin/ip6tables-legacy -t $table -S; done
cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding
ip -brief link`;

/** First in PATH, where plugins look for iptables. */
function legacyIptables(): string {
  const directory = mkdtempSync('/tmp/rnetns-legacy-');
  onTestEnd(() => rmSync(directory, { recursive: true }));
  for (const name of ['iptables', 'ip6tables']) symlinkSync(`/usr/sbin/${name}-legacy`, join(directory, name));
  return directory;
}

/** Say `word` to whoever connects to port 80 of a namespace, which `enter` leads to. */
async function serve(file: string, enter: readonly string[], env: NodeJS.ProcessEnv, word: string): Promise<void> {
  const args = [...enter, 'busybox', 'nc', '-ll', '-p', '80', '-e', 'echo', word];
  const server = spawn(file, args, { env, stdio: 'ignore' });
  const ended = once(server, 'exit');
  onTestEnd(async () => {
    server.kill('SIGKILL');
    await ended;
  });
  await once(server, 'spawn');
}

interface Made {
  runtime: RuntimeDir;
  host: PrivateHost;
  succeed: (...args: string[]) => Promise<string>;
}

async function makeHost(context: Mocha.Context, driver: string, path: string): Promise<Made> {
  const runtime = freshRuntimeDir(context);
  runtime.configure(`[network]\ndefault_rootless_network_cmd = ${driver}\n[rnetns]\nlinger = 0\n`);
  const directory = join(runtime.env.XDG_CONFIG_HOME ?? '', 'cni/net.d');
  mkdirSync(directory, { recursive: true });
  cpSync(join(projectRoot, 'configs/cni/87-rnetns.conflist'), join(directory, '87-rnetns.conflist'));
  const host = await privateHost(runtime, HOST, { net: true });
  const env = { ...runtime.env, PATH: path };
  const succeed = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await host.run(args, { env });
    expect({ status, stderr }, args.join(' ')).to.deep.equal({ status: 0, stderr: '' });
    return stdout;
  };
  return { runtime, host, succeed };
}

describe('the default CNI network', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'slirp4netns', 'ip', 'busybox', 'cni-plugins');
  });

  for (const [driver, variant] of [
    ['pasta', 'nftables'],
    ['slirp4netns', 'legacy'],
  ] as const) {
    it(`out through ${driver}, with iptables of ${variant}: containers reach each other and out, the host is untouched`, async function () {
      const usual = process.env.PATH ?? '';
      const { runtime, host, succeed } = await makeHost(
        this,
        driver,
        variant === 'legacy' ? `${legacyIptables()}:${usual}` : usual,
      );
      const before = await host.sh(TRACES);
      const heard = async (from: string, address: string, word: string): Promise<void> => {
        // Debian 12's pasta loses the answer to a client that closes its side before that; and nc's own -w ends with the
        // connection: it says nothing about one that nobody answers.
        const script = `sleep 1 | busybox timeout 3 busybox nc ${address} 80 2>&1; :`;
        await waitFor(async () => (await succeed('netns', 'exec', from, 'sh', '-c', script)) === `${word}\n`, {
          what: `${word} to be heard in ${from}`,
        });
      };
      for (const name of ['web', 'db']) await succeed('netns', 'add', name);
      const added: Record<string, string[]> = {};
      for (const name of ['web', 'db']) {
        const result = JSON.parse(await succeed('cni', 'add', 'rnetns', name, name)) as { ips: { address: string }[] };
        added[name] = result.ips.map(({ address }) => address.replace(/\/.*/, ''));
      }
      for (const to of added.web ?? [])
        await succeed('netns', 'exec', 'db', 'busybox', 'ping', '-c', '1', '-W', '5', to);
      const enterHost = [
        '--target',
        String(host.pid),
        '--user',
        '--mount',
        '--net',
        '--preserve-credentials',
        '--wd=/',
      ];
      await serve(
        'nsenter',
        [...enterHost, '--', join(projectRoot, 'scripts/rnetns'), 'netns', 'exec', 'web'],
        runtime.env,
        'web',
      );
      await serve(
        'nsenter',
        [...enterHost, '--', 'ip', 'netns', 'exec', 'far'],
        { ...runtime.env, PATH: `${usual}:/usr/sbin` },
        'far',
      );
      await heard('db', added.web?.[0] ?? '', 'web');
      await heard('db', '198.51.100.2', 'far');
      await heard('web', '198.51.100.2', 'far');

      const rules = `iptables${variant === 'legacy' ? '-legacy' : ''} -t nat -S`;
      expect(await succeed('run', '--', 'sh', '-c', rules)).to.include('-j CNI-');
      const other = variant === 'legacy' ? 'nft list ruleset' : 'iptables-legacy -t nat -S';
      expect(await succeed('run', '--', 'sh', '-c', other)).to.not.include('CNI');
      expect(await host.sh(TRACES)).to.equal(before);

      for (const name of ['web', 'db']) await succeed('cni', 'del', 'rnetns', name, name);
      await host.run(['stop', '--force']);
      expect(await host.sh(TRACES)).to.equal(before);
    });
  }
});
