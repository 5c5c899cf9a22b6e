/** Whether a network namespace has a way out, from the routing tables the kernel shows in /proc. */

// include/uapi/linux/route.h; the same values in both tables.
const RTF_UP = 0x1;
const RTF_REJECT = 0x200;

function isUsable(flagsHex: string | undefined): boolean {
  const flags = Number.parseInt(flagsHex ?? '', 16);
  return Number.isInteger(flags) && (flags & RTF_UP) !== 0 && (flags & RTF_REJECT) === 0;
}

/**
 * Whether either table has a default route that carries packets.
 *
 * Both files show the namespace of the process that reads them (`/proc/net` is `/proc/self/net`), so read them
 * through a process of the namespace that is meant. Lines that are not routes are ignored, an empty text has none.
 * The kernel always lists an unreachable IPv6 default route on `lo`, even in an empty namespace: it does not count.
 *
 * @param procNetRoute - text of `/proc/PID/net/route`, proc_pid_net(5): addresses are hexadecimal, host byte order.
 * @param procNetIpv6Route - text of `/proc/PID/net/ipv6_route`; empty where the kernel has no IPv6.
 */
export function hasDefaultRoute(procNetRoute: string, procNetIpv6Route: string): boolean {
  const ipv4 = procNetRoute.split('\n').some((line) => {
    // Iface Destination Gateway Flags RefCnt Use Metric Mask …
    const [name, destination, , flags, , , , mask] = line.trim().split(/\s+/);
    return name !== 'lo' && destination === '00000000' && mask === '00000000' && isUsable(flags);
  });
  if (ipv4) return true;
  return procNetIpv6Route.split('\n').some((line) => {
    // destination prefix source prefix next-hop metric refcount use flags device
    const [destination, prefix, , , , , , , flags, name] = line.trim().split(/\s+/);
    return name !== 'lo' && destination === '0'.repeat(32) && prefix === '00' && isUsable(flags);
  });
}
