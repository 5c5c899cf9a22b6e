/**
 * The `key=value` options for slirp4netns in `network_cmd_options`, the names and values podman takes
 * (podman-run(1), --network=slirp4netns). Checked here, because slirp4netns itself says only "usage".
 */
import { RnetnsError } from '../../errors/error.js';
import { formatIpv4, parseIp, parseIpv4 } from '../../plan/ip.js';

/** What the user asked for; a key that was not given is undefined. */
export interface Slirp4netnsOptions {
  /** IPv4 network, `10.0.2.0/24`. */
  cidr: string | undefined;
  /** Bytes, 68 to 65521. */
  mtu: number | undefined;
  enableIpv6: boolean | undefined;
  allowHostLoopback: boolean | undefined;
  /** An IPv4 address or an interface. */
  outboundAddr: string | undefined;
  /** An IPv6 address or an interface. */
  outboundAddr6: string | undefined;
  /** Accepted so that podman's settings are; the shared namespace forwards no ports by itself. */
  portHandler: 'rootlesskit' | 'slirp4netns' | undefined;
}

// slirp4netns(1), --cidr: the guest is network + 100, so 26 bits and more leave no room for it.
const PREFIX_MIN = 1;
const PREFIX_MAX = 25;
// 68: RFC 791, the least an IPv4 link must carry. 65521: slirp4netns --help.
const MTU_MIN = 68;
const MTU_MAX = 65521;

const wrong = (option: string, reason: string): RnetnsError =>
  new RnetnsError('ERR_CONFIG', `cannot pass option ${JSON.stringify(option)} to slirp4netns: ${reason}`, {
    hint: 'options come from network_cmd_options; see slirp4netns(1)',
  });

/** Network and prefix length of a checked `cidr`. Exported for the plan, which counts addresses from it. */
export function parseNetwork(cidr: string): { network: number; prefix: number } | undefined {
  const [, address, length] = /^([\d.]+)\/(0|[1-9]\d?)$/.exec(cidr) ?? [];
  const network = parseIpv4(address ?? '');
  return network === undefined || length === undefined ? undefined : { network, prefix: Number(length) };
}

function checkCidr(option: string, value: string): string {
  const parsed = parseNetwork(value);
  if (parsed === undefined) throw wrong(option, 'cidr is an IPv4 network such as 10.0.2.0/24');
  const { network, prefix } = parsed;
  if (prefix < PREFIX_MIN || prefix > PREFIX_MAX) {
    throw wrong(option, `the prefix length is ${PREFIX_MIN} to ${PREFIX_MAX}: the namespace gets network + 100`);
  }
  const base = network - (network % 2 ** (32 - prefix));
  if (base !== network) throw wrong(option, `it has host bits; the network is ${formatIpv4(base)}/${prefix}`);
  const first = network >>> 24;
  if (first === 0 || first === 127 || first >= 224) throw wrong(option, 'no host can have an address of that network');
  return value;
}

function checkMtu(option: string, value: string): number {
  const mtu = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
  if (mtu >= MTU_MIN && mtu <= MTU_MAX) return mtu;
  throw wrong(option, `mtu is a number of bytes from ${MTU_MIN} to ${MTU_MAX}`);
}

function checkBoolean(option: string, value: string): boolean {
  if (value !== 'true' && value !== 'false') throw wrong(option, 'the value is true or false');
  return value === 'true';
}

/** An address of the family or an interface's name: at most 15 bytes, no `/`, `:` or white space (netdevice(7)). */
function checkOutbound(option: string, value: string, kind: 'ipv4' | 'ipv6'): string {
  const ip = parseIp(value);
  const isAddress = ip?.kind === kind && !value.includes('%');
  const isName = ip === undefined && /^(?!\.\.?$)(?![\d.]+$)[^\s/:%]{1,15}$/.test(value);
  if (isAddress || isName) return value;
  throw wrong(option, `the value is an ${kind === 'ipv4' ? 'IPv4' : 'IPv6'} address or the name of an interface`);
}

/** Sets one key each; the order is that of the error's list. */
const CHECKS: Readonly<Record<string, (into: Slirp4netnsOptions, value: string, option: string) => void>> = {
  cidr: (into, value, option) => (into.cidr = checkCidr(option, value)),
  mtu: (into, value, option) => (into.mtu = checkMtu(option, value)),
  enable_ipv6: (into, value, option) => (into.enableIpv6 = checkBoolean(option, value)),
  allow_host_loopback: (into, value, option) => (into.allowHostLoopback = checkBoolean(option, value)),
  outbound_addr: (into, value, option) => (into.outboundAddr = checkOutbound(option, value, 'ipv4')),
  outbound_addr6: (into, value, option) => (into.outboundAddr6 = checkOutbound(option, value, 'ipv6')),
  port_handler: (into, value, option) => {
    if (value !== 'rootlesskit' && value !== 'slirp4netns') throw wrong(option, 'it is rootlesskit or slirp4netns');
    into.portHandler = value;
  },
};

/**
 * Check and read the options; of a key that is given twice the last value counts.
 *
 * @throws {@link RnetnsError} `ERR_CONFIG`: an unknown key, a bad value, or `outbound_addr6` with IPv6 turned off.
 */
export function parseSlirp4netnsOptions(options: readonly string[]): Slirp4netnsOptions {
  const parsed: Slirp4netnsOptions = {
    cidr: undefined,
    mtu: undefined,
    enableIpv6: undefined,
    allowHostLoopback: undefined,
    outboundAddr: undefined,
    outboundAddr6: undefined,
    portHandler: undefined,
  };
  for (const option of options) {
    const [, key = '', value] = /^([^=]*)=(.*)$/s.exec(option) ?? [];
    const check = Object.hasOwn(CHECKS, key) ? CHECKS[key] : undefined;
    if (check === undefined || value === undefined) {
      throw wrong(option, `options are KEY=VALUE, with KEY one of ${Object.keys(CHECKS).join(', ')}`);
    }
    check(parsed, value, option);
  }
  if (parsed.outboundAddr6 !== undefined && parsed.enableIpv6 === false) {
    throw wrong(`outbound_addr6=${parsed.outboundAddr6}`, 'enable_ipv6=false turns IPv6 off');
  }
  return parsed;
}
