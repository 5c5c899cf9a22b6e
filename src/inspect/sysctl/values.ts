/**
 * Other values for a sysctl, from what it holds now.
 *
 * No list of all sysctls is kept: new kernels have new ones. The text itself tells what it is, and the kernel, which is
 * asked next, refuses what can't be. Those that change least come first, for one of them may turn out to be the host's.
 */

/** What another sysctl holds, by its name; undefined if it isn't there, or can't be read. */
export type ReadSysctl = (name: string) => string | undefined;

/**
 * Texts that are worth writing in place of the present one, best first; none when nothing is known about it.
 *
 * @param name - below /proc/sys, with slashes: `net/ipv4/ip_forward`.
 * @param present - without the newline at its end; undefined for one that has no value yet and can't be read.
 */
export function alternatives(name: string, present: string | undefined, read: ReadSysctl): string[] {
  const given = normal(present ?? '');
  const all = candidates(name, given, present, read);
  return [...new Set(all)].filter((text) => present === undefined || normal(text) !== given);
}

/** One blank between words, where the kernel prints tabs. */
export function normal(text: string): string {
  return text.trim().split(/\s+/).join(' ');
}

function candidates(name: string, given: string, present: string | undefined, read: ReadSysctl): string[] {
  const choice = CHOICES.find(({ pattern }) => pattern.test(name));
  if (choice !== undefined) return choice.values(given, name, read);
  if (present === undefined) return [];
  if (/^-?\d+( -?\d+)*$/.test(given)) return numbers(given.split(' ').map(BigInt));
  // A bitmap of CPUs, 32 a group (`flow_limit_cpu_bitmap`). Before the ranges, which may look alike.
  if (/^[\da-f]+(,[\da-f]{8})+$/.test(given)) return lastDigit(given);
  if (/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(given)) return RANGES;
  return [];
}

interface Choice {
  pattern: RegExp;
  values: (given: string, name: string, read: ReadSysctl) => string[];
}

/** A list of numbers and ranges, as of reserved ports; the empty one last, which is no text to every kernel. */
const RANGES = ['1', '2-3', ''];

/** Those whose text alone doesn't tell what else they can hold. */
const CHOICES: readonly Choice[] = [
  {
    // First those that not everybody may use: choosing one allowed it to the whole machine before Linux 5.13
    // (https://git.kernel.org/linus/8d432592f30f).
    pattern: /\/tcp_congestion_control$/,
    values(given, name, read) {
      const allowed = listedIn('tcp_allowed_congestion_control')(given, name, read);
      const available = listedIn('tcp_available_congestion_control')(given, name, read);
      return [...available.filter((one) => !allowed.includes(one)), ...available];
    },
  },
  {
    pattern: /\/tcp_allowed_congestion_control$/,
    values(given, name, read) {
      const available = listedIn('tcp_available_congestion_control')(given, name, read);
      return [given.split(' ').slice(0, -1).join(' '), available.join(' '), ...available].filter((text) => text !== '');
    },
  },
  { pattern: /\/mptcp\/scheduler$/, values: listedIn('available_schedulers') },
  { pattern: /\/mptcp\/path_manager$/, values: listedIn('available_path_managers') },
  { pattern: /\/default_qdisc$/, values: () => ['pfifo_fast', 'pfifo', 'fq_codel', 'fq'] },
  {
    // The logger of a protocol family, by its number; those of the others show what is loaded.
    pattern: /\/nf_log\/\d+$/,
    values(_given, name, read) {
      const directory = name.slice(0, name.lastIndexOf('/'));
      const loaded = Array.from({ length: 16 }, (_, family) => read(`${directory}/${family}`) ?? 'NONE');
      return ['NONE', ...loaded, 'nfnetlink_log'];
    },
  },
  { pattern: /\/ip_local_reserved_ports$/, values: () => RANGES },
  // An address, from which those of interfaces are made (RFC 7217); unset it can't be read.
  { pattern: /\/stable_secret$/, values: () => ['2001:db8::1', '2001:db8::2'] },
  // One or two keys of 128 bits; this documentation's form is the kernel's own (ip-sysctl.rst).
  { pattern: /\/tcp_fastopen_key$/, values: (given) => (given === '' ? [] : lastDigit(given)) },
];

function listedIn(sibling: string): Choice['values'] {
  return (_given, name, read) => {
    const listed = read(`${name.slice(0, name.lastIndexOf('/') + 1)}${sibling}`) ?? '';
    return normal(listed).split(' ').filter(Boolean);
  };
}

function lastDigit(hex: string): string[] {
  const digit = parseInt(hex.slice(-1), 16);
  return [1, 2].map((step) => hex.slice(0, -1) + ((digit + step) % 16).toString(16));
}

const BOUNDS = [255n, 256n, 65_535n, 65_536n, 2n ** 31n - 1n, 2n ** 32n - 1n];

/** One after the other is changed, the last one first: in (min, default, max) and (low, high) it has most room. */
function numbers(present: readonly bigint[]): string[] {
  const [first] = present;
  if (first === undefined) return [];
  if (present.length === 1) return around(first).map(String);
  const one = present.flatMap((value, index) =>
    [value + 1n, value - 1n, value * 2n, value / 2n].map((other) => present.with(index, other)),
  );
  const together = [present.map((value) => value + 1n), present.map(() => 0n), present.map(() => 1n)];
  return [...one.reverse(), ...together]
    .filter((vector) => vector.every((value, index) => value >= 0n || (present[index] ?? 0n) < 0n))
    .map((vector) => vector.join(' '));
}

/** A switch that is on goes off before anything else; -1 is a value of its own in many. */
function around(value: bigint): bigint[] {
  const near = value === 1n ? [0n, 2n] : [value + 1n, value - 1n];
  const far = [0n, 1n, 2n, value * 2n, value / 2n, ...BOUNDS];
  return [...[...near, ...far].filter((other) => other >= 0n || value < 0n), -1n];
}
