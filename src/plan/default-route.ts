/**
 * The way out of a network namespace, from the routing tables the kernel shows in /proc.
 *
 * A way out is not always a route to 0.0.0.0/0: VPNs add two halves (0/1 and 128/1), or 2000::/3, or all but some private
 * networks. So the tables are asked what the kernel would ask them: which route leads to an address of the Internet?
 */

// include/uapi/linux/route.h; the same values in both tables.
const RTF_UP = 0x1;
const RTF_REJECT = 0x200;

/** a.root-servers.net, that is an address that no private network has. Nothing is ever sent to it. */
export const FAR = { ipv4: '198.41.0.4', ipv6: '2001:503:ba3e::2:30' } as const;
const FAR_IPV4 = 0xc629_0004;
const FAR_IPV6 = BigInt('0x20010503ba3e00000000000000020030');

/** Which families have a way out. */
export interface WaysOut {
  ipv4: boolean;
  ipv6: boolean;
}

interface Route {
  name: string;
  prefix: number;
  usable: boolean;
}

function isUsable(flagsHex: string | undefined): boolean {
  const flags = Number.parseInt(flagsHex ?? '', 16);
  return Number.isInteger(flags) && (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0;
}

/** A word of /proc/net/route: the address as a number in the machine's byte order, which is little-endian. */
function fromLittleEndian(hex: string): number {
  const bytes = hex.match(/../g) ?? [];
  return bytes.reduceRight((value, byte) => value * 256 + Number.parseInt(byte, 16), 0);
}

/** Lines that are not routes are ignored. */
function ipv4Routes(text: string): Route[] {
  return text.split('\n').flatMap((line) => {
    // Iface Destination Gateway Flags RefCnt Use Metric Mask …
    const [name = 'lo', destination = '', , flags, , , , mask = ''] = line.trim().split(/\s+/);
    if (![destination, mask].every((word) => /^[0-9A-F]{8}$/i.test(word))) return [];
    const bits = fromLittleEndian(mask);
    const leads = (fromLittleEndian(destination) & bits) === (FAR_IPV4 & bits);
    return leads ? [{ name, prefix: bits.toString(2).replace(/0/g, '').length, usable: isUsable(flags) }] : [];
  });
}

function ipv6Routes(text: string): Route[] {
  return text.split('\n').flatMap((line) => {
    // destination prefix source prefix next-hop metric refcount use flags device
    const [destination = '', length = '', , , , , , , flags, name = 'lo'] = line.trim().split(/\s+/);
    if (!/^[0-9a-f]{32}$/i.test(destination) || !/^[0-9a-f]{2}$/i.test(length)) return [];
    const prefix = Number.parseInt(length, 16);
    const shift = BigInt(Math.max(0, 128 - prefix));
    const leads = BigInt(`0x${destination}`) >> shift === FAR_IPV6 >> shift;
    // The kernel always lists an unreachable default route on `lo`, even in an empty namespace.
    return leads && name !== 'lo' ? [{ name, prefix, usable: isUsable(flags) }] : [];
  });
}

/** Of the routes with the longest prefix, which the kernel takes: the interfaces, unless those routes refuse packets. */
function leadingOut(routes: readonly Route[]): string[] {
  const longest = Math.max(...routes.map(({ prefix }) => prefix));
  return routes
    .filter(({ prefix, usable, name }) => prefix === longest && usable && name !== 'lo')
    .map(({ name }) => name);
}

/**
 * The interfaces by which packets to the Internet leave, IPv4's first, each once.
 *
 * Both files show the namespace of the process that reads them (`/proc/net` is `/proc/self/net`), so read them through a
 * process of the namespace that is meant. An empty text has no routes. Of IPv4 only the main table is there: what a rule
 * leads to another table for, only the kernel tells (src/namespace/ways-out.ts).
 *
 * @param procNetRoute - text of `/proc/PID/net/route`, proc_pid_net(5): addresses are hexadecimal, host byte order.
 * @param procNetIpv6Route - text of `/proc/PID/net/ipv6_route`; empty where the kernel has no IPv6.
 */
export function defaultInterfaces(procNetRoute: string, procNetIpv6Route: string): string[] {
  return [...new Set([ipv4Routes(procNetRoute), ipv6Routes(procNetIpv6Route)].flatMap(leadingOut))];
}

/** The families that have a route to the Internet; the arguments are those of `defaultInterfaces`. */
export function waysOut(procNetRoute: string, procNetIpv6Route: string): WaysOut {
  return {
    ipv4: leadingOut(ipv4Routes(procNetRoute)).length > 0,
    ipv6: leadingOut(ipv6Routes(procNetIpv6Route)).length > 0,
  };
}

/** Whether either table has a route to the Internet; the arguments are those of `defaultInterfaces`. */
export function hasDefaultRoute(procNetRoute: string, procNetIpv6Route: string): boolean {
  return defaultInterfaces(procNetRoute, procNetIpv6Route).length > 0;
}
