/**
 * The command line of pasta(1) for the shared namespace.
 *
 * Nothing of the host is reachable unless asked for: no ports in either direction, and no way to the host's loopback
 * through the gateway's address. Two link-local addresses are given a meaning inside: DNS queries to 169.254.1.1 go
 * to the host's resolver, and 169.254.1.2 is the host. They are podman's, so that what expects those finds them.
 *
 * pasta runs in the foreground under our supervisor, and writes its pid to a descriptor of ours once it is ready: the
 * pid file is written after the namespace is configured (pasta(1), --pid), so readiness needs no polling.
 */
import { RnetnsError } from '../../errors/error.js';
import type { WaysOut } from '../../plan/default-route.js';
import { parseIp } from '../../plan/ip.js';
import { parsePastaOptions, type PastaArgument } from './options.js';

/** Podman's for IPv4; for namespaces without that one of RFC 4193, which nobody else is likely to have. */
export const DNS_FORWARD = { ipv4: '169.254.1.1', ipv6: 'fd72:6e65:746e:73::53' } as const;
const MAP_GUEST_ADDR = '169.254.1.2';

/** Why an option cannot be the user's. Not `--netns-only`: given with --netns it changes nothing. */
const OWNED: ReadonlyMap<string, string> = new Map([
  ['--foreground', 'rnetns always runs pasta in the foreground'],
  ['--pid', 'rnetns waits for the pid file'],
  ['--netns', 'rnetns says which namespace'],
  ['--userns', 'pasta already runs in the right user namespace'],
  ['--fd', 'rnetns hands pasta no socket'],
  ['--help', 'pasta would print it and end'],
  ['--version', 'pasta would print it and end'],
]);

/** Closed unless given, in this order. pasta's own default is `auto`: forward whatever is bound (pasta(1)). */
const PORT_OPTIONS = [
  ['--tcp-ports', '-t'],
  ['--udp-ports', '-u'],
  ['--tcp-ns', '-T'],
  ['--udp-ns', '-U'],
] as const;

export interface PastaFacts {
  /** The setting `pasta_options`, word by word. */
  options: readonly string[];
  /** The caller's own, after those of the settings. */
  extraOptions?: readonly string[];
  /** Absolute path of the namespace's bind mount. */
  netnsPath: string;
  /** Whether to keep pasta from informing; not at log level debug. A `--debug` of the user's wins. */
  quiet: boolean;
  /** `parseHelpOptions` of `pasta --help`. */
  features: ReadonlySet<string>;
  /**
   * Number of the descriptor, open for writing in pasta, that receives the line `PID` when it is ready. Default 1, to
   * which pasta in the foreground writes nothing else. Never 3 or above: since August 2024 pasta closes those when it
   * starts (close_open_files() in its util.c) and then ends with "Couldn't open PID file /proc/self/fd/3".
   */
  readyFd?: number;
}

export interface PastaPlan {
  args: string[];
  /** Addresses inside at which pasta forwards DNS; of both families, whether or not the namespace has both. */
  dnsForward: string[];
  /** Which families the options leave the namespace. */
  families: WaysOut;
  /** Addresses inside that mean the host. Empty where pasta is too old for that (before August 2024). */
  mapGuestAddr: string[];
}

/** Values of an address option, each `none` undoing those before it, as pasta has it. */
function addressesOf(name: string, all: readonly PastaArgument[]): string[] {
  const addresses: string[] = [];
  for (const { value = '' } of all.flatMap(({ options }) => options.filter((option) => option.name === name))) {
    const ip = parseIp(value);
    if (value === 'none') addresses.length = 0;
    else if (ip !== undefined && !value.includes('%')) addresses.push(value);
    else {
      throw new RnetnsError(
        'ERR_CONFIG',
        `cannot pass option ${name} to pasta: ${JSON.stringify(value)} is neither an IP address nor none`,
      );
    }
  }
  return addresses;
}

function refuseOwned(all: readonly PastaArgument[]): void {
  for (const { options, words } of all) {
    for (const { name } of options) {
      // An abbreviation too short to be sure of (`--netn`) comes here as written.
      const owned = name.length > 2 ? [...OWNED.keys()].find((key) => key === name || key.startsWith(name)) : undefined;
      if (owned === undefined) continue;
      throw new RnetnsError(
        'ERR_CONFIG',
        `cannot pass option ${owned} to pasta (from ${JSON.stringify(words[0])}): ${OWNED.get(owned) ?? ''}`,
        { hint: 'take it out of pasta_options' },
      );
    }
  }
}

/** What pasta does not know is taken out: `--map-gw`, and `--dns-forward none` with those that it undoes. */
function withoutPseudo(given: readonly PastaArgument[]): PastaArgument[] {
  const lastNone = given.findLastIndex(
    ({ options: [option] }) => option?.name === '--dns-forward' && option.value === 'none',
  );
  return given.filter(
    ({ options: [option] }, index) =>
      option?.name !== '--map-gw' && (option?.name !== '--dns-forward' || index > lastNone),
  );
}

/**
 * pasta's arguments, in podman's order: ours, the settings', the caller's, then whatever they left open.
 *
 * The user's `--map-gw` is no option of pasta's: it keeps `--no-map-gw` away. Their `--dns-forward none` is not
 * one either (pasta refuses it): it keeps the default away. The default `--map-guest-addr` comes last and only if
 * pasta has it.
 *
 * @throws {@link RnetnsError} `ERR_CONFIG`: an option that rnetns must set itself, a word that is no option, an
 *   option without its value, or a bad address.
 */
export function planPasta(facts: PastaFacts): PastaPlan {
  const { netnsPath, quiet, features, readyFd = 1 } = facts;
  const given = parsePastaOptions([...facts.options, ...(facts.extraOptions ?? [])]);
  refuseOwned(given);
  const has = (name: string): boolean => given.some(({ options }) => options.some((option) => option.name === name));
  const dnsForward = addressesOf('--dns-forward', given);
  const mapGuestAddr = addressesOf('--map-guest-addr', given);

  const families = { ipv4: !has('--ipv6-only'), ipv6: !has('--ipv4-only') };
  const args = ['--config-net', ...withoutPseudo(given).flatMap(({ words }) => words)];
  if (!has('--dns-forward')) {
    for (const address of [
      ...(families.ipv4 ? [DNS_FORWARD.ipv4] : []),
      ...(families.ipv6 ? [DNS_FORWARD.ipv6] : []),
    ]) {
      args.push('--dns-forward', address);
      dnsForward.push(address);
    }
  }
  for (const [name, short] of PORT_OPTIONS) if (!has(name)) args.push(short, 'none');
  if (!has('--map-gw') && !has('--no-map-gw')) args.push('--no-map-gw');
  // Old versions end with "Multiple --quiet options given", and refuse it beside --debug.
  if (quiet && !['--quiet', '--debug', '--trace'].some(has)) args.push('--quiet');
  args.push('--foreground', '--pid', `/proc/self/fd/${readyFd}`, '--netns', netnsPath);
  if (!has('--map-guest-addr') && features.has('--map-guest-addr')) {
    args.push('--map-guest-addr', MAP_GUEST_ADDR);
    mapGuestAddr.push(MAP_GUEST_ADDR);
  }
  return { args, dnsForward, mapGuestAddr, families };
}
