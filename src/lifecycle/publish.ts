import { rmSync } from 'node:fs';
import { settingsWithoutEffect } from '../config/without-effect.js';
import { RnetnsError } from '../errors/error.js';
import type { Logger } from '../log/logger.js';
import { recordedProcess } from '../namespace/proof.js';
import { showsResolvConf } from '../namespace/resolv-conf-shown.js';
import type { Surroundings } from '../namespace/surroundings.js';
import { ofFamiliesIn, parseProcAddresses } from '../plan/addresses.js';
import type { Plan } from '../plan/plan.js';
import { planResolvConf, publicServers, type ResolvConfFacts } from '../plan/resolv-conf.js';
import { readOptional, writeAtomic, writeInPlace } from '../state/files.js';
import { readInfo, writeInfo } from '../state/info.js';
import { formatLive } from '../state/live.js';
import { bootId, namespaceInode, type ProcessId } from '../state/process.js';
import { writeRecord } from '../state/record.js';
import { noteMended, type Context } from './context.js';
import { forwardersFor, resolvConfFacts } from './make-plan.js';

/** A namespace whose processes are there. */
export interface Built {
  supervisor: ProcessId;
  /** With the driver that it has. */
  plan: Plan;
  since: string;
  created: boolean;
}

/** The last steps of reconcile (ensure.ts): say what there is, and publish it. */
export function publish(context: Context, generation: string, { supervisor, plan, since, created }: Built): void {
  const { state, config, log } = context;
  if (created) for (const told of settingsWithoutEffect(config, context.own, plan.driver.name)) log.warn(told);
  const keeper = recordedProcess(state.keeperFile);
  const netnsInode = keeper === undefined ? undefined : namespaceInode(keeper.pid, 'net');
  if (keeper === undefined || netnsInode === undefined) {
    throw new RnetnsError('ERR_NETNS', `the keeper of ${state.path} ended at once`);
  }
  recordResolvConfTarget(context, plan, keeper, created);
  publishAddresses(context, plan, keeper, created);
  const { lingerSeconds } = config.rnetns;
  writeRecord(state, { version: 1, generation, bootId: bootId(), since, netnsInode, lingerSeconds, plan });
  const guard = recordedProcess(state.guardFile);
  writeAtomic(state.live, formatLive({ generation, bootId: bootId(), supervisor, guard, keeper }));
}

/** Read by way of a process inside: /proc/net of our own says nothing about another namespace. */
function publishAddresses(context: Context, plan: Plan, keeper: ProcessId, created: boolean): void {
  const { state, config, log } = context;
  const proc = `/proc/${keeper.pid}/net`;
  // Without IPv6 in the kernel there is no second one.
  const routes = readOptional(`${proc}/fib_trie`);
  if (routes === undefined) throw new RnetnsError('ERR_NETNS', `the keeper of ${state.path} ended at once`);
  const addresses = parseProcAddresses(routes, readOptional(`${proc}/if_inet6`) ?? '');
  const { driver } = plan;
  // Without an address yet the host is offline; the driver will serve where it said it would.
  const isKnown = addresses.length > 0;
  const ipv6 = !isKnown || addresses.some((address) => address.includes(':'));
  const ipv4 = !isKnown || addresses.some((address) => !address.includes(':'));
  const dnsForwardIps = isKnown ? forwardersFor(driver, { ipv4, ipv6 }) : [...driver.dnsForward];
  const facts = resolvConfFacts(config, driver, dnsForwardIps, ipv6);
  let publicNameservers = readInfo(state)?.publicNameservers;
  const isEmpty = readOptional(state.resolvConf) === '';
  if (isEmpty && !created) noteMended(context, 'file', 'resolv.conf written again: it was missing or empty');
  if (created || isEmpty) {
    writeInPlace(state.resolvConf, planResolvConf(facts).content);
    const last = publicServers(facts);
    publicNameservers = last.length === 0 ? undefined : last;
    warnOfServers(log, facts, last);
  }
  const mapGuestIps = isKnown ? ofFamiliesIn(driver.mapGuest, addresses) : [...driver.mapGuest];
  writeInfo(state, { addresses, dnsForwardIps, mapGuestIps, ...(publicNameservers && { publicNameservers }) });
}

/** Nobody's choice, or a choice that can't be: neither goes without a word. */
function warnOfServers(log: Logger, { dnsServers, ipv6 }: ResolvConfFacts, last: readonly string[]): void {
  if (last.length > 0) {
    log.warn(
      `no name server of the host can be reached from inside, so public ones are asked: ${last.join(' ')}; ` +
        'dns_servers in rnetns.conf chooses others, dns_fallback = none has none',
    );
  }
  const unreachable = dnsServers.filter((server) => server.includes(':') && server !== '::1');
  if (!ipv6 && unreachable.length > 0) {
    log.warn(`dns_servers ${unreachable.join(' ')} can't be reached: the namespace has no IPv6, as the host has none`);
  }
}

/** Only what is true now: the launcher has everything mended as long as this isn't. */
function recordResolvConfTarget(context: Context, { resolvConf }: Plan, keeper: ProcessId, created: boolean): void {
  const { state } = context;
  const { mountTarget } = resolvConf;
  const isShown = mountTarget !== null && showsResolvConf(state, keeper, mountTarget);
  const text = isShown ? `${mountTarget}\n` : undefined;
  if (!created && readOptional(state.resolvConfTarget) !== text) {
    noteMended(context, 'file', 'resolv.conf.target written again: it was missing or damaged');
  }
  if (text === undefined) rmSync(state.resolvConfTarget, { force: true });
  else writeAtomic(state.resolvConfTarget, text);
}

export function surroundings({ state, config, env, log }: Context, generation: string): Surroundings {
  return { state, generation, lingerSeconds: config.rnetns.lingerSeconds, env, warn: (message) => log.warn(message) };
}
