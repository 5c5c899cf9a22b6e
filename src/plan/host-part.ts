/**
 * Theory of operation: what of a namespace depends on what the host is like now
 *
 * A host changes its networks while commands run. What leaves through a driver follows by itself, for a driver opens ordinary
 * sockets; the name servers don't, and neither does what we say about addresses. So this is planned again from what is there
 * now, and compared with what the namespace has.
 *
 * A driver that reads the host's name servers once (`readsServersOnce`) goes on asking those. Where the host doesn't name the
 * one that a forwarder asks any more, that forwarder is gone: it is no name server then, and what still asks it is to be
 * redirected to a server of now. A resolver on the host's loopback is asked as long as the host asks it: which question
 * goes to whom is for that to know.
 *
 * What can't be followed leaves what was there: a file that is being written names no server for a moment, and a server on the
 * host's loopback can only be reached by way of a driver that knows it.
 */
import type { DnsSettings } from '../config/config.js';
import { ofFamiliesIn } from './addresses.js';
import { formatIp, parseIp } from './ip.js';
import type { DriverPlan } from './plan.js';
import {
  answeringForwarders,
  chooseHostResolvConf,
  hasChosenServer,
  isReachable,
  parseResolvConf,
  planResolvConf,
  publicServers,
  type ResolvConfFacts,
} from './resolv-conf.js';

export interface HostPartFacts {
  /** Text of a file of the host's; undefined: there is none, or it can't be read. */
  readText: (path: string) => string | undefined;
  driver: Pick<DriverPlan, 'path' | 'dnsForward' | 'mapGuest'>;
  /** The two forwarders that we ask for, of which one answers; undefined: the driver has one for both. */
  ours: { ipv4: string; ipv6: string } | undefined;
  readsServersOnce: boolean;
  /** The servers that the host named when the driver started; undefined: nobody has noted them. */
  asked: readonly string[] | undefined;
  /** Those in the namespace. None: it is offline yet, and may get both families. */
  addresses: readonly string[];
  settings: DnsSettings;
}

/** Questions to a forwarder that nobody answers any more, and whom to ask instead. */
export interface Redirect {
  from: string;
  /** Of the same family. */
  to: string;
}

/** What resolv.conf inside is to be. */
export interface Names {
  content: string;
  /** The forwarders that answer. */
  dnsForwardIps: string[];
  /** Servers in it that nobody has chosen: see publicServers. */
  publicNameservers: string[];
  redirects: Redirect[];
  /** What it was made from. */
  facts: ResolvConfFacts;
}

export interface HostPart {
  addresses: string[];
  mapGuestIps: string[];
  /** `kept`: why what was there stays. */
  names: ({ kept?: undefined } & Names) | { kept: string };
}

/** glibc reads three servers and six domains; what is longer than this is no file of resolver(5). */
const LONGEST = 1 << 16;
const HOST_FILE = '/etc/resolv.conf';

export function planHostPart(facts: HostPartFacts): HostPart {
  const { driver } = facts;
  const addresses = [...facts.addresses];
  const mapGuestIps = addresses.length > 0 ? ofFamiliesIn(driver.mapGuest, addresses) : [...driver.mapGuest];
  return { addresses, mapGuestIps, names: planNames(facts) };
}

function planNames({
  readText,
  driver,
  ours,
  readsServersOnce,
  asked,
  addresses,
  settings,
}: HostPartFacts): HostPart['names'] {
  const text = readText(HOST_FILE);
  const named = parseResolvConf(text ?? '').nameservers;
  const noted = readsServersOnce ? (asked ?? named) : named;
  const unusable = whyUnusable(text, named);
  if (unusable !== undefined && !areSame(asked ?? named, named)) return { kept: unusable };

  const isKnown = addresses.length > 0;
  const served = isKnown ? ofFamiliesIn(driver.dnsForward, addresses) : [...driver.dnsForward];
  // Without an address yet, the driver will serve where it said it would.
  const answering = ours === undefined || !isKnown ? served : answeringForwarders(served, ours, noted);
  const gone = answering.filter((forwarder) => isGone(forwarder, noted, named));
  const dnsForwardIps = answering.filter((forwarder) => !gone.includes(forwarder));
  const ipv6 = !isKnown || addresses.some((address) => address.includes(':'));
  // Without a driver a public server is as far away as any other.
  const dnsFallback = driver.path === null ? 'none' : settings.dnsFallback;
  const host = chooseHostResolvConf(readText);
  const made: ResolvConfFacts = { ...settings, host, forwarders: dnsForwardIps, ipv6, dnsFallback };
  if (gone.length > 0 && !hasChosenServer(made)) {
    return { kept: `the host asks ${named.join(' ')} now, which only a driver that starts now can reach` };
  }
  const reachable = [...named, ...parseResolvConf(host).nameservers].filter((server) => isReachable(server, ipv6));
  return {
    content: planResolvConf(made).content,
    dnsForwardIps,
    publicNameservers: publicServers(made),
    redirects: gone.flatMap((from) => {
      const to = reachable.find((server) => kindOf(server) === kindOf(from));
      return to === undefined ? [] : [{ from, to }];
    }),
    facts: made,
  };
}

function whyUnusable(text: string | undefined, named: readonly string[]): string | undefined {
  if (text === undefined) return `${HOST_FILE} can't be read`;
  if (text.length > LONGEST) return `${HOST_FILE} has ${text.length} bytes`;
  return named.length === 0 ? `${HOST_FILE} names no server` : undefined;
}

/** Of the servers that it found, a driver asks the first one of the forwarder's family; where there were none, nobody. */
function isGone(forwarder: string, noted: readonly string[], named: readonly string[]): boolean {
  const server = noted.find((address) => kindOf(address) === kindOf(forwarder));
  if (server === undefined) return noted.length === 0 && named.length > 0;
  return !named.some((address) => normal(address) === normal(server));
}

function areSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((server, index) => normal(server) === normal(others[index] ?? ''));
}

function kindOf(address: string): string | undefined {
  return parseIp(address)?.kind;
}

function normal(address: string): string {
  const ip = parseIp(address);
  return ip === undefined ? address : formatIp(ip);
}
