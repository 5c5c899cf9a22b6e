/** The way out of a network namespace, from the routing tables the kernel shows in /proc. */

// include/uapi/linux/route.h; the same values in both tables.
const RTF_UP = 0x1;
const RTF_REJECT = 0x200;

function isUsable(flagsHex: string | undefined): boolean {
  const flags = Number.parseInt(flagsHex ?? '', 16);
  return Number.isInteger(flags) && (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0;
}

/**
 * The interfaces by which a default route leaves that carries packets, IPv4's first, each once.
 *
 * Both files show the namespace of the process that reads them (`/proc/net` is `/proc/self/net`), so read them
 * through a process of the namespace that is meant. Lines that are not routes are ignored, an empty text has none.
 * The kernel always lists an unreachable IPv6 default route on `lo`, even in an empty namespace: it does not count.
 *
 * @param procNetRoute - text of `/proc/PID/net/route`, proc_pid_net(5): addresses are hexadecimal, host byte order.
 * @param procNetIpv6Route - text of `/proc/PID/net/ipv6_route`; empty where the kernel has no IPv6.
 */
export function defaultInterfaces(procNetRoute: string, procNetIpv6Route: string): string[] {
  const ipv4 = procNetRoute.split('\n').flatMap((line) => {
    // Iface Destination Gateway Flags RefCnt Use Metric Mask …
    const [name = 'lo', destination, , flags, , , , mask] = line.trim().split(/\s+/);
    const isDefault = destination === '00000000' && mask === '00000000';
    return name !== 'lo' && isDefault && isUsable(flags) ? [name] : [];
  });
  const ipv6 = procNetIpv6Route.split('\n').flatMap((line) => {
    // destination prefix source prefix next-hop metric refcount use flags device
    const [destination, prefix, , , , , , , flags, name = 'lo'] = line.trim().split(/\s+/);
    const isDefault = destination === '0'.repeat(32) && prefix === '00';
    return name !== 'lo' && isDefault && isUsable(flags) ? [name] : [];
  });
  return [...new Set([...ipv4, ...ipv6])];
}

/** Whether either table has a default route that carries packets; the arguments are those of `defaultInterfaces`. */
export function hasDefaultRoute(procNetRoute: string, procNetIpv6Route: string): boolean {
  return defaultInterfaces(procNetRoute, procNetIpv6Route).length > 0;
}
