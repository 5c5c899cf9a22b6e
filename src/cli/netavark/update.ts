import { netavarkCall, netavarkContext, type NetavarkOptions } from './call.js';
import { endBy, launch } from './launch.js';

/** Change the DNS servers of a network with containers on it. */
export async function update(network: string, servers: string, options: NetavarkOptions): Promise<number> {
  const context = netavarkContext(options);
  const command = [...netavarkCall(context, 'update'), 'update', '--network-dns-servers', servers, network];
  return endBy(await launch(context, { verb: 'run', command, input: () => 'go\n{}\n' }));
}
