/**
 * The resolv.conf inside the namespace: made from the host's, the driver's DNS forwarders and the settings.
 *
 * The rules are those of podman's library (containers/common, libnetwork/resolvconf), so that what works there works
 * here: an explicit search or options setting replaces the host's, the host's servers stay behind the forwarders.
 * https://man7.org/linux/man-pages/man5/resolv.conf.5.html
 */
import { RnetnsError } from '../errors/error.js';
import { formatIp, isIpv6LinkLocal, isLocalhost, parseIp } from './ip.js';

export interface ResolvConf {
  /** Addresses as written, with `%zone` if one was given; what is no address is left out. */
  nameservers: string[];
  searches: string[];
  options: string[];
}

const HOST_PATH = '/etc/resolv.conf';

/**
 * A single local server is a stub, and nothing answers on that address inside. Where the real servers are then:
 * systemd-resolved.service(8), and NetworkManager (https://github.com/containers/podman/issues/13599).
 */
export const BEHIND_STUB: ReadonlyMap<string, string> = new Map([
  ['127.0.0.53', '/run/systemd/resolve/resolv.conf'],
  ['127.0.0.1', '/run/NetworkManager/no-stub-resolv.conf'],
]);

const PUBLIC_IPV4 = ['8.8.8.8', '8.8.4.4'];
const PUBLIC_IPV6 = ['2001:4860:4860::8888', '2001:4860:4860::8844'];

/**
 * Read a resolv.conf. Text from `#` or `;` on is a comment; the last search, domain or options line wins; unknown
 * lines and servers that are no addresses are ignored. Never throws.
 */
export function parseResolvConf(text: string): ResolvConf {
  const parsed: ResolvConf = { nameservers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'search') parsed.searches = values;
    else if (keyword === 'domain') parsed.searches = values.slice(0, 1);
    else if (keyword === 'options') parsed.options = values;
    else if (keyword === 'nameserver') {
      parsed.nameservers.push(...values.slice(0, 1).filter((value) => parseIp(value) !== undefined));
    }
  }
  return parsed;
}

/**
 * The text of the host's resolv.conf that names servers other than a local stub, if there is one.
 *
 * @param read - text of the file at an absolute path, undefined if it does not exist.
 * @returns that of `/etc/resolv.conf` (empty if it does not exist), or of the file that its stub was made from.
 */
export function chooseHostResolvConf(read: (path: string) => string | undefined): string {
  const host = read(HOST_PATH) ?? '';
  const [only, ...others] = parseResolvConf(host).nameservers;
  const real = others.length === 0 ? BEHIND_STUB.get(only ?? '') : undefined;
  return (real === undefined ? undefined : read(real)) ?? host;
}

export interface ResolvConfFacts {
  /** Text of the host's resolv.conf, of `chooseHostResolvConf`. */
  host: string;
  /** The driver's DNS forwarders. */
  forwarders: readonly string[];
  /** Whether the namespace has IPv6. */
  ipv6: boolean;
  /** `none`: better no name server at all than a public one. */
  dnsFallback?: 'public' | 'none';
  /** The settings of the same names. Empty: nothing is set. */
  dnsServers: readonly string[];
  dnsSearches: readonly string[];
  dnsOptions: readonly string[];
}

/** A zone names an interface of the host; the one inside has another name or index. */
function isScoped(server: string): boolean {
  const ip = parseIp(server);
  return ip?.kind === 'ipv6' && (isIpv6LinkLocal(ip) || ip.zone !== undefined);
}

/** Can it be asked from inside? */
export function isReachable(server: string, ipv6: boolean): boolean {
  const ip = parseIp(server);
  if (ip === undefined || isLocalhost(ip) || isScoped(server)) return false;
  return ip.kind === 'ipv4' || ipv6;
}

/** Those that somebody has chosen, and that can work inside. */
function chosenServers({ host, forwarders, ipv6, dnsServers }: ResolvConfFacts): string[] {
  const others = [...forwarders, ...parseResolvConf(host).nameservers];
  return distinct([...dnsServers, ...others.filter((server) => isReachable(server, ipv6))]);
}

/** Is there any but the very last resort? */
export function hasChosenServer(facts: ResolvConfFacts): boolean {
  return chosenServers(facts).length > 0;
}

/** The very last resort, empty as long as there is any other: what nobody has chosen, so that it has to be told. */
export function publicServers(facts: ResolvConfFacts): string[] {
  if (facts.dnsFallback === 'none' || hasChosenServer(facts)) return [];
  return [...PUBLIC_IPV4, ...(facts.ipv6 ? PUBLIC_IPV6 : [])];
}

/**
 * The forwarders that somebody answers at. The driver asks the host's servers of the same family, so of the two that we
 * ask for, one is enough, and the other may be silent: that of the host's servers, IPv4's if there are both. A host that
 * names none has one at 127.0.0.1 (resolver(5)).
 *
 * @param ours - those for IPv4 and IPv6 that rnetns asks for.
 * @param nameservers - of the host's /etc/resolv.conf.
 */
export function answeringForwarders(
  forwarders: readonly string[],
  ours: { ipv4: string; ipv6: string },
  nameservers: readonly string[],
): string[] {
  if (!forwarders.includes(ours.ipv4) || !forwarders.includes(ours.ipv6)) return [...forwarders];
  const hasIpv4 = nameservers.length === 0 || nameservers.some((server) => parseIp(server)?.kind === 'ipv4');
  return forwarders.filter((address) => address !== (hasIpv4 ? ours.ipv6 : ours.ipv4));
}

/** First spelling of each address. */
function distinct(servers: readonly string[]): string[] {
  const byAddress = new Map<string, string>();
  for (const server of servers) {
    const ip = parseIp(server);
    const key = ip === undefined ? server : formatIp(ip);
    if (!byAddress.has(key)) byAddress.set(key, server);
  }
  return [...byAddress.values()];
}

/** `.` says "no search list": in the setting (podman-run(1), --dns-search), and alone as systemd-resolved writes it. */
function planSearches(setting: readonly string[], host: readonly string[]): readonly string[] {
  if (setting.length > 0) return setting.includes('.') ? [] : setting;
  return host.length === 1 && host[0] === '.' ? [] : host;
}

/** The settings end up in a file of lines and words: one word each, or a setting could add lines of its own. */
function checkSettings({ dnsServers, dnsSearches, dnsOptions }: ResolvConfFacts): void {
  const bad = dnsServers.find((server) => parseIp(server) === undefined);
  if (bad !== undefined) {
    throw new RnetnsError('ERR_CONFIG', `cannot use dns_servers ${JSON.stringify(bad)}: not an IP address`);
  }
  // Neither is anybody else's setting: the address means nothing inside, where interfaces are others.
  const local = dnsServers.find((server) => isScoped(server));
  if (local !== undefined) {
    throw new RnetnsError(
      'ERR_CONFIG',
      `cannot use dns_servers ${local}: its network is one of the host's interfaces`,
      {
        hint: "take an address that has a route; the driver asks the host's own servers by itself",
      },
    );
  }
  for (const [setting, words] of Object.entries({ dns_searches: dnsSearches, dns_options: dnsOptions })) {
    const word = words.find((value) => !/^[^\s#;]+$/.test(value));
    if (word === undefined) continue;
    throw new RnetnsError('ERR_CONFIG', `cannot use ${setting} ${JSON.stringify(word)}: it must be a single word`);
  }
}

/**
 * The resolv.conf inside. Servers: those of the settings first (glibc asks only the first three, so an explicit word
 * must come before a default), as they are: 127.0.0.1 is a resolver inside. Then the forwarders, then the host's. Left
 * out of these are duplicates and what cannot work inside: loopback and unspecified addresses, IPv6 link-local or scoped
 * ones, and without `ipv6` all IPv6 ones. Only if none at all is left come public ones, unless the settings say no: a
 * forwarder must not send queries past the host's resolver (https://github.com/containers/container-libs/issues/43).
 *
 * @returns `content`, ends with a newline; `nameservers` in it, in order.
 * @throws {@link RnetnsError} `ERR_CONFIG`: a setting is no IP address, or no single word.
 */
export function planResolvConf(facts: ResolvConfFacts): { content: string; nameservers: string[] } {
  checkSettings(facts);
  const host = parseResolvConf(facts.host);
  const chosen = chosenServers(facts);
  const nameservers = chosen.length > 0 ? chosen : publicServers(facts);
  const searches = planSearches(facts.dnsSearches, host.searches);
  const options = facts.dnsOptions.length > 0 ? facts.dnsOptions : host.options;
  const lines = ['# Made by rnetns for this network namespace; changes are lost.'];
  if (searches.length > 0) lines.push(`search ${searches.join(' ')}`);
  lines.push(...nameservers.map((server) => `nameserver ${server}`));
  if (options.length > 0) lines.push(`options ${options.join(' ')}`);
  return { content: `${lines.join('\n')}\n`, nameservers };
}
