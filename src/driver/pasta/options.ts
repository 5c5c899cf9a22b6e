/**
 * Read options for pasta the way pasta does, getopt_long(3): long options with `=value` or a following word, by
 * unambiguous abbreviation too, and short ones alone, in a row (`-4q`) or with the value glued on (`-t8080`).
 *
 * It has to be exact: a value that looks like an option (`--hostname --map-gw`) must not be taken for one, and pasta
 * ends its options at the first word that is none, so that all that rnetns appends would become a *command* which
 * pasta runs in a new namespace of its own. Hence a stray word, a `--` and a missing value are errors here.
 */
import { RnetnsError } from '../../errors/error.js';

// Of pasta(1), all releases up to April 2026, `short:long`. An unknown option is left to pasta itself.
const WITH_VALUE = [
  ...['l:log-file', 's:socket', 'F:fd', 'I:ns-ifname', 'p:pcap', 'P:pid', 'm:mtu', 'a:address', 'n:netmask'],
  ...['M:mac-addr', 'g:gateway', 'i:interface', 'o:outbound', 'D:dns', 'S:search', 'H:hostname', 'c:conf-path'],
  ...['t:tcp-ports', 'u:udp-ports', 'T:tcp-ns', 'U:udp-ns', ':userns', ':netns', ':ns-mac-addr', ':dns-forward'],
  ...[':runas', ':log-size', ':outbound-if4', ':outbound-if6', ':map-host-loopback', ':map-guest-addr', ':dns-host'],
  ...[':fqdn', ':socket-path', ':repair-path', ':stats'],
];
const WITHOUT_VALUE = [
  ...['d:debug', 'q:quiet', 'f:foreground', 'e:stderr', 'h:help', '4:ipv4-only', '6:ipv6-only', '1:one-off'],
  ...[':no-tcp', ':no-udp', ':no-icmp', ':no-dhcp', ':no-dhcpv6', ':no-ndp', ':no-ra', ':no-splice', ':splice-only'],
  ...[':freebind', ':no-map-gw', ':dhcp-dns', ':no-dhcp-dns', ':dhcp-search', ':no-dhcp-search', ':no-netns-quit'],
  ...[':trace', ':version', ':config-net', ':no-copy-routes', ':no-copy-addrs', ':netns-only', ':host-lo-to-ns-lo'],
  ...[':vhost-user', ':print-capabilities', ':migrate-exit', ':migrate-no-linger'],
];

interface Known {
  name: string;
  hasValue: boolean;
}

const longs = new Map<string, Known>();
const shorts = new Map<string, Known>();
for (const [list, hasValue] of [
  [WITH_VALUE, true],
  [WITHOUT_VALUE, false],
] as const) {
  for (const entry of list) {
    const [short = '', long = ''] = entry.split(':');
    const known = { name: `--${long}`, hasValue };
    longs.set(known.name, known);
    if (short !== '') shorts.set(short, known);
  }
}

/** One option as pasta will understand it. */
export interface PastaOption {
  /** Long name with dashes; as written if pasta has no such option that we know of. */
  name: string;
  value: string | undefined;
}

/** The one or two arguments that belong together, and the options they say (more than one for `-4q`). */
export interface PastaArgument {
  words: string[];
  options: PastaOption[];
}

const wrong = (word: string, reason: string): RnetnsError =>
  new RnetnsError('ERR_CONFIG', `cannot pass option ${JSON.stringify(word)} to pasta: ${reason}`, {
    hint: 'options come from pasta_options, one array element per word; see pasta(1)',
  });

/** Podman's, and no option of pasta's; so it takes no part in abbreviations (`--map-g` is `--map-guest-addr`). */
const PSEUDO: Known = { name: '--map-gw', hasValue: false };

/** A long option by its full name or an abbreviation that only it has. */
function findLong(name: string): Known | undefined {
  const exact = name === PSEUDO.name ? PSEUDO : longs.get(name);
  if (exact !== undefined) return exact;
  const [only, ...others] = [...longs.values()].filter((known) => known.name.startsWith(name));
  return others.length === 0 ? only : undefined;
}

/** The options in one word, and whether the last of them takes the next word as its value. */
function parseWord(word: string): { options: PastaOption[]; wants: 'value' | 'perhaps' | 'nothing' } {
  if (word.startsWith('--')) {
    const [name = '', ...rest] = word.split('=');
    const value = rest.length === 0 ? undefined : rest.join('=');
    const known = findLong(name);
    const options = [{ name: known?.name ?? name, value }];
    if (value !== undefined && known?.hasValue === false) throw wrong(word, 'it takes no value');
    if (value !== undefined) return { options, wants: 'nothing' };
    // An option newer than our list may have a value or not.
    if (known === undefined) return { options, wants: 'perhaps' };
    return { options, wants: known.hasValue ? 'value' : 'nothing' };
  }
  const options: PastaOption[] = [];
  const letters = Array.from(word.slice(1));
  for (const [index, letter] of letters.entries()) {
    const known = shorts.get(letter);
    const glued = letters.slice(index + 1).join('');
    if (known?.hasValue === true) {
      options.push({ name: known.name, value: glued === '' ? undefined : glued });
      return { options, wants: glued === '' ? 'value' : 'nothing' };
    }
    options.push({ name: known?.name ?? `-${letter}`, value: undefined });
    if (known === undefined) return { options, wants: glued === '' ? 'perhaps' : 'nothing' };
  }
  return { options, wants: 'nothing' };
}

/**
 * Group words into arguments; the words of the result, put together, are those that came in.
 *
 * @throws {@link RnetnsError} `ERR_CONFIG`: a word that is no option, `--`, or an option without its value or with one too many.
 */
export function parsePastaOptions(words: readonly string[]): PastaArgument[] {
  const parsed: PastaArgument[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (!/^-./.test(word) || word === '--') throw wrong(word, 'it is not an option, nor the value of one');
    const { options, wants } = parseWord(word);
    const next = words[index + 1];
    const last = options.at(-1);
    if (wants === 'value' && next === undefined) throw wrong(word, 'it needs a value');
    const takesNext = wants === 'value' || (wants === 'perhaps' && next !== undefined && !next.startsWith('-'));
    if (takesNext && last !== undefined && next !== undefined) {
      last.value = next;
      index += 1;
      parsed.push({ words: [word, next], options });
    } else {
      parsed.push({ words: [word], options });
    }
  }
  return parsed;
}
