/** The addresses of a network namespace, from the tables the kernel shows in /proc. */
import { formatIp, isIpv6LinkLocal, isLocalhost, isMulticast, parseIp, type IpAddress } from './ip.js';

/** Leaves of the trie that are addresses of the host itself: `/32 host LOCAL` under `|-- ADDRESS`. */
function parseFibTrie(fibTrie: string): string[] {
  const found: string[] = [];
  let leaf: string | undefined;
  for (const line of fibTrie.split('\n')) {
    const address = /\|-- (\S+)/.exec(line)?.[1];
    // A new branch or table ends the leaf, so that a line of it is never taken for the leaf's.
    if (address !== undefined || /^\S|\+--/.test(line)) leaf = address;
    // Not `/32 link BROADCAST`, and not `/8 host LOCAL`: that is the loopback network or an AnyIP route.
    else if (leaf !== undefined && /^\s*\/32 \S+ LOCAL\b/.test(line)) found.push(leaf);
  }
  return found;
}

/** First column of if_inet6, 32 hexadecimal digits, with colons. */
function parseIfInet6(ifInet6: string): string[] {
  return ifInet6.split('\n').flatMap((line) => {
    const digits = /^([0-9a-f]{32})\s/i.exec(line)?.[1];
    return digits === undefined ? [] : [(digits.match(/.{4}/g) ?? []).join(':')];
  });
}

/**
 * IPv4 addresses, then IPv6 addresses in canonical form (RFC 5952), in the kernel's order and without duplicates
 * (fib_trie shows the same leaf in both of its tables).
 *
 * Loopback, multicast and IPv6 link-local addresses are left out: they are never how others reach the namespace,
 * and a link-local address means nothing without its interface. Lines that are not understood are ignored.
 *
 * @param fibTrie - text of `/proc/PID/net/fib_trie` of a process inside the namespace.
 * @param ifInet6 - text of `/proc/PID/net/if_inet6` of the same; empty where the kernel has no IPv6.
 */
export function parseProcAddresses(fibTrie: string, ifInet6: string): string[] {
  const addresses = [...parseFibTrie(fibTrie), ...parseIfInet6(ifInet6)]
    .map(parseIp)
    .filter((ip): ip is IpAddress => ip !== undefined)
    .filter((ip) => !isLocalhost(ip) && !isMulticast(ip) && !isIpv6LinkLocal(ip));
  return [...new Set(addresses.map(formatIp))];
}

/**
 * Those of `candidates` whose family some address of the namespace has: a DNS forwarder or guest map address of
 * pasta is of no use to a namespace without that family. What is not an address is left out.
 */
export function ofFamiliesIn(candidates: readonly string[], addresses: readonly string[]): string[] {
  const families = new Set(addresses.map((address) => parseIp(address)?.kind));
  return ofFamilies(candidates, { ipv4: families.has('ipv4'), ipv6: families.has('ipv6') });
}

/** The same where the families are known. */
export function ofFamilies(candidates: readonly string[], families: { ipv4: boolean; ipv6: boolean }): string[] {
  return candidates.filter((candidate) => {
    const kind = parseIp(candidate)?.kind;
    return kind !== undefined && families[kind];
  });
}
