import { join } from 'node:path';
import { EXIT, RnetnsError } from '../../errors/error.js';
import { parseIp } from '../../plan/ip.js';
import { listNames } from '../../state/files.js';
import { readLive } from '../../state/live.js';
import { netavarkCall, netavarkContext, type NetavarkContext, type NetavarkOptions } from './call.js';
import { endBy, launch } from './launch.js';

/** Change the DNS servers of a network with containers on it. */
export async function update(network: string, servers: string, options: NetavarkOptions): Promise<number> {
  const context = netavarkContext(options);
  // podman changes its own file first, whether containers are on the network or not, and takes the last server away by ''.
  const forPodman = options.rootless !== undefined;
  if (servers !== '' || !forPodman) checkServers(servers);
  const refusal = refuseNetwork(context, network);
  if (refusal !== undefined && !forPodman) throw refusal;
  if (refusal !== undefined) {
    context.log.info(`${refusal.message}: nothing to do`);
    return EXIT.ok;
  }
  const command = [...netavarkCall(context, 'update'), 'update', '--network-dns-servers', servers, network];
  return endBy(await launch(context, { act: 'update', verb: 'beside', command, input: () => 'go\n{}\n' }));
}

/** netavark looks at none of them, and aardvark-dns ends at the first that is wrong. */
function checkServers(servers: string): void {
  for (const server of servers.split(',')) {
    const ip = parseIp(server);
    if (ip !== undefined && !(ip.kind === 'ipv6' && ip.zone !== undefined)) continue;
    throw new RnetnsError('ERR_USAGE', `--network-dns-servers must be IP addresses, but has '${server}'`, {
      hint: 'such as --network-dns-servers 9.9.9.9,2620:fe::fe',
    });
  }
}

/** netavark tells neither that nor the network: it has a file for each with containers that have names. */
function refuseNetwork({ state, directory }: NetavarkContext, network: string): RnetnsError | undefined {
  const refuse = (code: 'ERR_DOWN' | 'ERR_NETNS', why: string): RnetnsError =>
    new RnetnsError(code, `cannot change the DNS servers of the network ${network}: ${why}`, { hint });
  const hint = 'a network has DNS servers while containers are on it, with dns_enabled: rnetns netavark setup';
  if (readLive(state) === undefined) return refuse('ERR_DOWN', `the namespace ${state.name} is down`);
  const networks = networksWithNames(join(directory, 'aardvark-dns'));
  if (networks.includes(network)) return undefined;
  const others = networks.length === 0 ? '' : `; others have: ${networks.join(', ')}`;
  return refuse('ERR_NETNS', `no container on it has names${others}`);
}

function networksWithNames(directory: string): string[] {
  return listNames(directory).filter((name) => name !== 'aardvark.pid');
}
