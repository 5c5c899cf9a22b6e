import { rmSync } from 'node:fs';
import { settingsWithoutEffect } from '../config/without-effect.js';
import { RnetnsError } from '../errors/error.js';
import type { Logger } from '../log/logger.js';
import { ringAardvark } from '../namespace/aardvark.js';
import { redirectForwarders } from '../namespace/redirect.js';
import { recordedProcess } from '../namespace/proof.js';
import { showsResolvConf } from '../namespace/resolv-conf-shown.js';
import type { Surroundings } from '../namespace/surroundings.js';
import type { Plan } from '../plan/plan.js';
import type { ResolvConfFacts } from '../plan/resolv-conf.js';
import { readOptional, writeAtomic, writeInPlace } from '../state/files.js';
import { writeInfo } from '../state/info.js';
import { formatLive } from '../state/live.js';
import { bootId, namespaceInode, type ProcessId } from '../state/process.js';
import { writeRecord } from '../state/record.js';
import { noteMended, type Context } from './context.js';
import { lookAtHost, type Look, type Stale } from './look.js';
import { dnsSettings } from './make-plan.js';

/** A namespace whose processes are there. */
export interface Built {
  supervisor: ProcessId;
  /** With the driver that it has. */
  plan: Plan;
  since: string;
  created: boolean;
}

interface Looked extends Pick<Built, 'supervisor' | 'created'> {
  keeper: ProcessId;
}

/** The last steps of reconcile (ensure.ts): say what there is, and publish it. */
export async function publish(context: Context, generation: string, built: Built): Promise<void> {
  const { supervisor, plan, since, created } = built;
  const { state, config, log } = context;
  if (created) for (const told of settingsWithoutEffect(config, context.own, plan.driver.name)) log.warn(told);
  const keeper = recordedProcess(state.keeperFile);
  const netnsInode = keeper === undefined ? undefined : namespaceInode(keeper.pid, 'net');
  if (keeper === undefined || netnsInode === undefined) {
    throw new RnetnsError('ERR_NETNS', `the keeper of ${state.path} ended at once`);
  }
  recordResolvConfTarget(context, plan, keeper, created);
  await publishHostPart(context, plan, { supervisor, keeper, created });
  const { lingerSeconds } = config.rnetns;
  writeRecord(state, { version: 1, generation, bootId: bootId(), since, netnsInode, lingerSeconds, plan });
  const guard = recordedProcess(state.guardFile);
  writeAtomic(state.live, formatLive({ generation, bootId: bootId(), supervisor, guard, keeper }));
}

/** What depends on the host: resolv.conf, and what we say of addresses. */
async function publishHostPart(context: Context, plan: Plan, { supervisor, keeper, created }: Looked): Promise<void> {
  const { state, config, log } = context;
  const settings = plan.resolvConf.settings ?? dnsSettings(config);
  const look = lookAtHost(
    state,
    { ...plan, resolvConf: { ...plan.resolvConf, settings } },
    keeper,
    created ? undefined : supervisor,
  );
  if (look === undefined) throw new RnetnsError('ERR_NETNS', `the keeper of ${state.path} ended at once`);
  const { names } = look.part;
  const isEmpty = readOptional(state.resolvConf) === '';
  const isStale = look.stale.some(({ what }) => what === 'resolv.conf');
  if (names.kept !== undefined && !created) log.warn(`resolv.conf stays as it is: ${names.kept}`);
  if (isEmpty && !created) noteMended(context, 'file', 'resolv.conf written again: it was missing or empty');
  else if (isStale && !created) noteStale(context, look, 'resolv.conf');
  if (created || isEmpty || isStale) {
    writeInPlace(state.resolvConf, names.kept === undefined ? names.content : plan.resolvConf.content);
    if (names.kept === undefined) warnOfServers(log, names.facts, names.publicNameservers);
  }
  if (!created) noteStale(context, look, 'addresses');
  writeInfo(state, look.info);
  if (created || look.redirects === undefined) return;
  noteStale(context, look, 'redirect');
  const obstacle = await redirectForwarders(state, look.redirects, supervisor, context.env);
  if (obstacle !== undefined) log.warn(obstacle);
  ringAardvark(state, keeper);
}

function noteStale(context: Context, { stale }: Look, part: Stale['what']): void {
  for (const { what, detail } of stale)
    if (what === part) noteMended(context, 'file', what === 'redirect' ? detail : `${detail}: written again`);
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
