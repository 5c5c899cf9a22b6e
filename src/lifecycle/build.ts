import { existsSync, rmSync } from 'node:fs';
import { settingsWithoutEffect } from '../config/without-effect.js';
import { RnetnsError } from '../errors/error.js';
import { showsResolvConf } from '../namespace/keeper.js';
import { keeperLine } from '../namespace/proof.js';
import { ensureNetns } from '../namespace/netns.js';
import { awaitGuard } from '../namespace/sound.js';
import type { Surroundings } from '../namespace/surroundings.js';
import { ofFamiliesIn, parseProcAddresses } from '../plan/addresses.js';
import type { Logger } from '../log/logger.js';
import type { Plan } from '../plan/plan.js';
import { planResolvConf, publicServers, type ResolvConfFacts } from '../plan/resolv-conf.js';
import { readOptional, writeAtomic, writeInPlace } from '../state/files.js';
import { readInfo, writeInfo } from '../state/info.js';
import { formatLive } from '../state/live.js';
import { bootId, namespaceInode, type ProcessId } from '../state/process.js';
import { writeRecord } from '../state/record.js';
import { ensureWayOut } from './connect.js';
import { noteMended, type Context } from './context.js';
import { forwardersFor, resolvConfFacts } from './make-plan.js';
import { ensureKeeper, ensureSupervisor, type Parts } from './parts.js';
import { settleAll } from './settle-all.js';

/** Steps 2 to 6 of reconcile (ensure.ts): keep what lives of a namespace, start the rest, and publish it. */
export async function build(context: Context, generation: string, planned: Plan, parts: Parts): Promise<void> {
  const { state, config, log } = context;
  const { holder, created } = parts;
  if (!existsSync('/sys/fs/selinux/enforce')) log.debug('no SELinux here: the new /run is not relabelled');
  const around = surroundings(context, generation);
  await ensureNetns(around, holder, parts.findMember); // 2
  writeInPlace(state.resolvConf, readOptional(state.resolvConf) ?? '');
  const [started, keeper] = await settleAll(
    ensureSupervisor(context, around, planned, parts), // 3
    ensureKeeper(context, around, planned, parts), // 4
  );
  const { supervisor, driver } =
    created && started.supervisor !== undefined
      ? await ensureWayOut(context, around, holder, keeper, started)
      : started;
  const plan = { ...planned, driver };
  if (created) for (const told of settingsWithoutEffect(config, context.own, driver.name)) log.warn(told);
  recordKeeper(context, keeper, created);
  recordResolvConfTarget(context, plan, keeper, created);

  publishAddresses(context, plan, keeper, created); // 5
  const netnsInode = namespaceInode(keeper.pid, 'net');
  if (netnsInode === undefined) throw new RnetnsError('ERR_NETNS', `the keeper of ${state.path} ended at once`);
  const { lingerSeconds } = config.rnetns;
  // The holder has started it long before: beside the driver's start this takes no time.
  if (!(await awaitGuard(state, generation))) log.warn(`the guard of ${state.path} does not start`);
  writeRecord(state, { version: 1, generation, bootId: bootId(), since: parts.since, netnsInode, lingerSeconds, plan });

  writeAtomic(state.live, formatLive({ generation, bootId: bootId(), holder, supervisor, keeper })); // 6
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

/** Before `live`: until then nobody follows it. */
function recordKeeper(context: Context, keeper: ProcessId, created: boolean): void {
  const { keeperFile } = context.state;
  const recorded = readOptional(keeperFile);
  if (recorded === keeperLine(keeper)) return;
  if (!created && !/^\d+ \d+\n$/.test(recorded ?? '')) {
    noteMended(context, 'file', 'keeper written again: it was missing or damaged');
  }
  writeAtomic(keeperFile, keeperLine(keeper));
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
