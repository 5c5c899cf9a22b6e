/**
 * The command line of slirp4netns(1) for the shared namespace.
 *
 * Versions differ in what they know, so an option is passed only if `--help` lists it. What nobody asked for is then
 * left out; what the user asked for, and the bar in front of the host's loopback, must be there or it is an error:
 * slirp4netns lets the namespace reach the host's 127.0.0.1 as 10.0.2.2 unless told otherwise
 * (https://github.com/rootless-containers/slirp4netns/issues/50), and that must never open in silence.
 */
import { RnetnsError } from '../../errors/error.js';
import { formatIpv4 } from '../../plan/ip.js';
import { parseNetwork, parseSlirp4netnsOptions } from './options.js';

export { parseSlirp4netnsOptions, type Slirp4netnsOptions } from './options.js';

const DEFAULT_CIDR = '10.0.2.0/24';
const DEFAULT_MTU_BYTES = 65520;
/** What slirp4netns uses if it is not told: slirp4netns(1), --mtu. */
const BUILT_IN_MTU_BYTES = 1500;
// slirp4netns(1), "the following addresses": counted from the network's.
const GATEWAY_OFFSET = 2;
const DNS_OFFSET = 3;
const ADDRESS_OFFSET = 100;
// Locally administered. Any will do on a network of one, but always the same: the IPv6 address is made from it
// (RFC 4862), and a driver that is started again must bring back the address that others know.
const TAP_MAC = '02:00:0a:00:02:64';

/** slirp4netns writes `1` to it when the interface is up. */
export const READY_FD = 3;
/** The interface's name inside, as podman has it. */
export const TAP = 'tap0';

export interface Slirp4netnsFacts {
  /** The setting `network_cmd_options`: `key=value` each. */
  options: readonly string[];
  /** Absolute path of the namespace's bind mount. */
  netnsPath: string;
  /** `parseHelpOptions` of `slirp4netns --help`. */
  features: ReadonlySet<string>;
  /** Without effect, slirp4netns has no such option; here so that both drivers can be planned alike. */
  quiet?: boolean;
}

export interface Slirp4netnsPlan {
  args: string[];
  /** IPv4 addresses: of `tap0`, of the gateway, and where DNS is answered. */
  address: string;
  gateway: string;
  dns: string;
  /** Bytes. */
  mtu: number;
  /** Whether the namespace gets IPv6; its duplicate address detection must be off while slirp4netns starts. */
  ipv6: boolean;
}

/**
 * slirp4netns' arguments and the addresses that follow from them. IPv6 is on if the binary has it and nobody turned
 * it off, as in podman.
 *
 * @throws {@link RnetnsError} `ERR_CONFIG`: an option is unknown or has a bad value. `ERR_DRIVER`: the binary lacks
 *   what the user asked for, or cannot keep the host's loopback closed.
 */
export function planSlirp4netns(facts: Slirp4netnsFacts): Slirp4netnsPlan {
  const { netnsPath, features } = facts;
  const options = parseSlirp4netnsOptions(facts.options);
  const args: string[] = [];

  const need = (flag: string, why: string, hint: string): void => {
    if (features.has(flag)) return;
    throw new RnetnsError('ERR_DRIVER', `cannot use this slirp4netns: it has no ${flag}, ${why}`, { hint });
  };
  /** Pass what was asked for, which the binary must have then. */
  const pass = (flag: string, key: string, value: string | undefined): void => {
    if (value === undefined) return;
    need(flag, `which ${key} needs`, `install a newer slirp4netns, or take ${key} out of network_cmd_options`);
    args.push(`${flag}=${value}`);
  };

  if (options.allowHostLoopback !== true) {
    const hint = 'install slirp4netns 0.3.0 or newer; allow_host_loopback=true in network_cmd_options leaves it open';
    need('--disable-host-loopback', "so it cannot keep the host's loopback closed", hint);
    args.push('--disable-host-loopback');
  }
  const hasMtu = features.has('--mtu');
  pass('--mtu', 'mtu', options.mtu?.toString() ?? (hasMtu ? String(DEFAULT_MTU_BYTES) : undefined));
  for (const flag of ['--enable-sandbox', '--enable-seccomp']) if (features.has(flag)) args.push(flag);
  pass('--cidr', 'cidr', options.cidr);
  // An address to send IPv6 from asks for IPv6, too.
  if (options.enableIpv6 === true || options.outboundAddr6 !== undefined) {
    const hint = 'install a newer slirp4netns, or set enable_ipv6=false in network_cmd_options';
    need('--enable-ipv6', `which ${options.enableIpv6 === true ? 'enable_ipv6' : 'outbound_addr6'} needs`, hint);
  }
  const ipv6 = options.enableIpv6 !== false && features.has('--enable-ipv6');
  if (ipv6) args.push('--enable-ipv6');
  pass('--outbound-addr', 'outbound_addr', options.outboundAddr);
  pass('--outbound-addr6', 'outbound_addr6', options.outboundAddr6);
  if (features.has('--macaddress')) args.push(`--macaddress=${TAP_MAC}`);
  args.push('-c', '-r', String(READY_FD), '--netns-type=path', netnsPath, TAP);

  const network = parseNetwork(options.cidr ?? DEFAULT_CIDR)?.network ?? 0;
  return {
    args,
    address: formatIpv4(network + ADDRESS_OFFSET),
    gateway: formatIpv4(network + GATEWAY_OFFSET),
    dns: formatIpv4(network + DNS_OFFSET),
    mtu: options.mtu ?? (hasMtu ? DEFAULT_MTU_BYTES : BUILT_IN_MTU_BYTES),
    ipv6,
  };
}
