import { shellWord } from '../../exec/shell-word.js';
import { printable } from '../../text/printable.js';
import type { CliContext } from '../context.js';
import { attachments } from './attach.js';

/**
 * Say which containers were on a network in a named namespace that `netns delete` has removed: the bridge plugin reads in it
 * which addresses it has to stop masquerading, and is silent when it can't.
 */
export function warnOfDeleted({ state, config }: CliContext, netns: string): void {
  if (config.rnetns.logLevel === 'error') return;
  const path = state.netnsPath(netns);
  for (const { netns: where, containerId, network, ifName } of attachments({ state })) {
    if (where !== path) continue;
    const ifname = ifName === 'eth0' ? [] : ['--ifname', ifName];
    const named = state.name === 'default' ? [] : ['-n', state.name];
    const command = ['rnetns', 'cni', 'del', network, containerId, ...ifname, ...named].map(shellWord).join(' ');
    // As the launcher says it, whose words these are.
    process.stderr.write(
      `rnetns: warning: ${netns} was deleted with the container ${containerId} still on the network ${network}: ` +
        'rules of the firewall for its addresses stay until the shared namespace goes\n' +
        `hint: free the rest now, and next time before the name is deleted: ${printable(command)}\n`,
    );
  }
}
