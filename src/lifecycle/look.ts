import { driverNamed, quirksOf } from '../driver/drivers.js';
import { filesSeenBy } from '../namespace/host-files.js';
import { parseProcAddresses } from '../plan/addresses.js';
import { planHostPart, type HostPart, type Redirect } from '../plan/host-part.js';
import { redirectLines } from '../plan/redirect.js';
import type { DriverPlan, Plan } from '../plan/plan.js';
import { parseResolvConf } from '../plan/resolv-conf.js';
import type { StateDirectory } from '../state/directory.js';
import { readOptional } from '../state/files.js';
import { readInfo, type NetnsInfo } from '../state/info.js';
import type { ProcessId } from '../state/process.js';

/** Something that was right once, and that the host or the driver has changed since. */
export interface Stale {
  /** `redirect`: of questions to a forwarder of the driver that nobody answers any more. */
  what: 'resolv.conf' | 'addresses' | 'redirect';
  /** One line. */
  detail: string;
}

export interface Look {
  part: HostPart;
  /** What info.json is to say. */
  info: NetnsInfo;
  /** Undefined: what there are stays. */
  redirects: readonly Redirect[] | undefined;
  stale: Stale[];
}

/** Of a plan, what a look needs. `settings`: without them nobody knows what resolv.conf is to be. */
export interface LookedAt {
  driver: DriverPlan;
  resolvConf: Required<Pick<Plan['resolvConf'], 'settings'>> & Pick<Plan['resolvConf'], 'asked'>;
}

/**
 * Plan what depends on the host again, and compare it with what the namespace has, by contents; changes nothing.
 *
 * @param keeper - whose network namespace it is.
 * @param viewer - a process that sees the host's files as the driver does; undefined: we do.
 * @returns undefined when the keeper is dead.
 */
export function lookAtHost(
  state: StateDirectory,
  { driver, resolvConf }: LookedAt,
  keeper: ProcessId,
  viewer?: ProcessId,
): Look | undefined {
  // /proc/net of our own says nothing about another namespace. Without IPv6 in the kernel there is no second file.
  const routes = readOptional(`/proc/${keeper.pid}/net/fib_trie`);
  if (routes === undefined) return undefined;
  const addresses = parseProcAddresses(routes, readOptional(`/proc/${keeper.pid}/net/if_inet6`) ?? '');
  const before = readInfo(state);
  // A driver that is being started again will bring some; what there was is true until then.
  const isBetween = addresses.length === 0 && driver.path !== null && (before?.addresses.length ?? 0) > 0;
  const part = planHostPart({
    readText: viewer === undefined ? readOptional : filesSeenBy(viewer.pid),
    driver,
    ours: driverNamed(driver.name).program?.forwarders,
    readsServersOnce: quirksOf(driver).readsServersOnce,
    asked: serversAsked(state) ?? resolvConf.asked,
    addresses: isBetween ? (before?.addresses ?? []) : addresses,
    settings: resolvConf.settings,
  });
  const info = infoOf(part, driver, before);
  const redirects = part.names.kept === undefined ? part.names.redirects : undefined;
  const stale = [
    ...staleNames(part, readOptional(state.resolvConf) ?? ''),
    ...staleInfo(info, before),
    ...(redirects === undefined ? [] : staleRedirects(redirects, readOptional(state.redirects) ?? '')),
  ];
  return { part, info, redirects, stale };
}

function serversAsked(state: StateDirectory): string[] | undefined {
  return readOptional(state.driverAsked)
    ?.split('\n')
    .filter((line) => line !== '');
}

function infoOf({ addresses, mapGuestIps, names }: HostPart, driver: DriverPlan, before?: NetnsInfo): NetnsInfo {
  if (names.kept !== undefined) {
    const { dnsForwardIps = [...driver.dnsForward], publicNameservers } = before ?? {};
    return { addresses, dnsForwardIps, mapGuestIps, ...(publicNameservers && { publicNameservers }) };
  }
  const { dnsForwardIps, publicNameservers } = names;
  return { addresses, dnsForwardIps, mapGuestIps, ...(publicNameservers.length > 0 && { publicNameservers }) };
}

function staleNames({ names }: HostPart, text: string): Stale[] {
  if (names.kept !== undefined || names.content === text || text === '') return [];
  const [has, wanted] = [text, names.content].map((each) => parseResolvConf(each).nameservers.join(' ') || 'no server');
  const detail =
    has === wanted
      ? 'resolv.conf is not made from what the host has now: other search domains or options'
      : `resolv.conf names ${has}, and by what the host has now it would be ${wanted}`;
  return [{ what: 'resolv.conf', detail }];
}

function staleInfo(info: NetnsInfo, before: NetnsInfo | undefined): Stale[] {
  if (before === undefined || before.addresses.join(' ') === info.addresses.join(' ')) return [];
  const inWords = (list: readonly string[]): string => list.join(' ') || 'none';
  const detail = `info.json has the addresses ${inWords(before.addresses)}, and the namespace has ${inWords(info.addresses)}`;
  return [{ what: 'addresses', detail }];
}

function staleRedirects(redirects: readonly Redirect[], set: string): Stale[] {
  const lines = redirectLines(redirects);
  if (lines === set) return [];
  const wanted = redirects.map(({ from, to }) => `${from} to ${to}`).join(', ') || 'none';
  return [{ what: 'redirect', detail: `programs that read resolv.conf once are to be redirected: ${wanted}` }];
}
