import { enterArguments } from '../../namespace/enter.js';
import { isOnline, ownWaysOut } from '../../namespace/ways-out.js';
import { readStatus } from '../../inspect/status.js';
import { isIP } from 'node:net';
import { expectedFamilies, forwardersFor, resolvConfFacts } from '../../lifecycle/make-plan.js';
import { parseResolvConf, publicServers } from '../../plan/resolv-conf.js';
import { readOptional } from '../../state/files.js';
import { RnetnsError } from '../../errors/error.js';
import { check, fail, ok, warn, type Finding } from '../check.js';
import { askDns, askDnsFrom, type DnsAnswer } from '../dns.js';
import { tryDriver } from '../driver-trial.js';
import type { Host } from '../host.js';
import { withoutScratch } from '../scratch.js';
import { chosenDriver, wantedDriver } from './drivers.js';

export const defaultRoute = check('default-route', {
  gather: () => isOnline(),
  judge: (online) =>
    online
      ? ok('the host has a way out')
      : warn(
          'the host has none: it is offline',
          'connect it; a namespace comes up without, and is connected once there is one',
        ),
});

const LIMIT_MS = 6000;

export const dns = check('dns', { gather, judge, limitMs: LIMIT_MS });

interface Asked {
  where: string;
  /** What is wrong with resolv.conf of the namespace that is up. */
  stale?: string[];
  forwarders: DnsAnswer[];
  /** The host's own name servers, asked from the host. */
  host: DnsAnswer[];
  /** Those that are asked for lack of any other, when there is no forwarder. */
  publicServers: string[];
}

type Facts = Asked | Finding;

async function gather(host: Host): Promise<Facts> {
  // The host's at the same time: they are what a forwarder asks, a stub on its loopback included.
  const named = parseResolvConf(readOptional('/etc/resolv.conf') ?? '').nameservers.filter(isIP);
  // resolver(5): one that names none means the local one.
  const own = named.length === 0 ? ['127.0.0.1'] : named;
  const [forwarders, asked] = await Promise.all([askForwarders(host), askDns(own)]);
  if ('status' in forwarders) return forwarders;
  // Whichever driver it is: of a namespace without one there is nothing to ask.
  const facts = resolvConfFacts(host.config, { path: '' }, [], true);
  return { ...forwarders, host: asked, publicServers: publicServers(facts) };
}

async function askForwarders(host: Host): Promise<Omit<Asked, 'host' | 'publicServers'> | Finding> {
  const live =
    host.state === undefined ? undefined : await readStatus(host.state, { askDriver: false }).catch(() => undefined);
  if (live?.supervisor != null && live.keeper != null && live.driver?.pid != null) {
    // In O: what goes into U directly is on the host's network for a moment, where those inside could trace it.
    const enter = [
      ...enterArguments({ pid: live.supervisor.pid, user: true }),
      ...['nsenter', '--target', String(live.keeper.pid), '--net', '--'],
    ];
    const servers = live.dnsForwardIps ?? [];
    const stale = (live.stale ?? []).filter(({ what }) => what !== 'addresses').map(({ detail }) => detail);
    return { where: `in ${live.name}`, stale, forwarders: await askDnsFrom(enter, servers, host.env) };
  }
  const found = chosenDriver(host);
  if (found instanceof RnetnsError) return warn('not asked: no driver', `see ${wantedDriver(host.config)}`);
  const { name, program } = found.driver;
  if (program === null) return ok('none: the settings choose no driver');
  const impossible = await withoutScratch(host);
  if (impossible !== undefined) return impossible;
  try {
    const { used } = await tryDriver(host, found, async ({ enter, driver }) =>
      askDnsFrom(enter, forwardersFor(driver, expectedFamilies(driver, await ownWaysOut())), host.env),
    );
    if (used === undefined) return warn(`not asked: ${name} does not start`, `see ${name}`);
    return { where: `by ${name}`, forwarders: used };
  } catch (error) {
    if (error instanceof RnetnsError) return warn(`not asked: ${name} can't be tried`, `see ${name}`);
    throw error;
  }
}

function judge(facts: Facts): Finding {
  if ('status' in facts) return facts;
  const { where, forwarders, host, stale = [] } = facts;
  if (stale.length > 0)
    return warn(
      `${where}: ${stale.join('; ')}`,
      'rnetns repair; to redirect it needs nft: sudo apt-get install nftables',
    );
  if (forwarders.length === 0) {
    const last = facts.publicServers.join(' ');
    if (last === '') return ok(`no forwarder ${where}, as the settings have it`);
    return warn(
      `no forwarder ${where}, and no name server of the host that can be reached from inside: public ones are asked: ${last}`,
      'dns_servers in rnetns.conf chooses others, dns_fallback = none has none',
    );
  }
  const answered = forwarders.filter(({ answer }) => answer !== null);
  if (answered.length > 0)
    return ok(`${where}: ${answered.map(({ server, answer }) => `${server} answers ${answer ?? ''}`).join(', ')}`);
  const silent = `${where}: no answer from ${forwarders.map(({ server, problem }) => `${server} (${problem ?? ''})`).join(', ')}`;
  if (!host.some(({ answer }) => answer !== null)) {
    const servers = host.map(({ server }) => server).join(' ');
    return warn(
      `${silent}; nor from the host's own: ${servers || 'there are none'}`,
      'the host is offline, or its /etc/resolv.conf names none that answers',
    );
  }
  return fail(`${silent}, while the host's own answer`, 'rnetns stop; another driver, or dns_servers in rnetns.conf');
}
