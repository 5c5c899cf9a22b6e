import { RnetnsError } from '../errors/error.js';
import { formatIp, isLocalhost, isMulticast, parseIp } from '../plan/ip.js';

export type Protocol = 'tcp' | 'udp';

/** One port that is asked for. */
export interface PortRequest {
  protocol: Protocol;
  /** Where it listens on the host; empty: on all addresses. */
  hostIp: string;
  /** 0: a free one. */
  hostPort: number;
  /** Where it leads to; empty: the namespace itself, by an address of its own. */
  targetIp: string;
  targetPort: number;
}

interface Range {
  first: number;
  count: number;
}

/**
 * Read `[HOSTIP:]HOSTPORT[-END]:[TARGETIP:]PORT[-END][/tcp|/udp]`, as docker and podman write it, with IPv6 in brackets. The
 * host's port may be left out, alone (`80`) or between colons (`127.0.0.1::80`), or be 0: a free one.
 *
 * @returns a request for each port of a range.
 * @throws RnetnsError ERR_USAGE
 */
export function parseSpecification(text: string): PortRequest[] {
  const refuse = refusal(text);
  const { rest, protocol } = splitProtocol(text, refuse);
  const words = splitWords(rest, refuse);
  const { hostIp, host, targetIp, target } = place(words, refuse);
  const to = readRange(target, 'the port inside', refuse);
  if (to.first === 0) refuse('the port inside is 0', 'ports are 1 to 65535');
  const from = host === '' || host === '0' ? undefined : readRange(host, 'the port on the host', refuse);
  if (from?.first === 0) refuse('a range begins with port 0', 'leave the range of the host out to get free ports');
  if (from !== undefined && from.count !== to.count) {
    refuse(`${from.count} ports on the host are to lead to ${to.count} inside`, 'both ranges must be of one length');
  }
  const hostAddress = readIp(hostIp, refuse);
  const targetAddress = readIp(targetIp, refuse);
  if (targetAddress !== '' && isLocalhost(parseIp(targetAddress) ?? { kind: 'ipv4', value: 0 })) {
    // Whoever trusts its own loopback would take the whole network for it (CVE-2021-20199).
    refuse(
      `${targetIp} is the loopback inside, and clients of other machines would seem to come from there`,
      NO_TARGET,
    );
  }
  return Array.from({ length: to.count }, (_, index) => ({
    protocol,
    hostIp: hostAddress,
    hostPort: from === undefined ? 0 : from.first + index,
    targetIp: targetAddress,
    targetPort: to.first + index,
  }));
}

/** `PORT[-END][/tcp|/udp]` of `--to-host`: the same number on both sides. */
export function parseToHost(text: string): PortRequest[] {
  const refuse = refusal(text);
  const { rest, protocol } = splitProtocol(text, refuse);
  const { first, count } = readRange(rest, 'the port', refuse);
  if (first === 0) refuse('the port is 0', 'name the one that the service on the host has');
  return Array.from({ length: count }, (_, index) => ({
    protocol,
    hostIp: '127.0.0.1',
    hostPort: first + index,
    targetIp: '127.0.0.1',
    targetPort: first + index,
  }));
}

/** What `port delete` is given: the host's side alone, or all of it. Without an address it is any. */
export function parseHostSide(text: string): { protocol: Protocol; hostIp: string | undefined; hostPort: number }[] {
  const refuse = refusal(text, 'close');
  const { rest, protocol } = splitProtocol(text, refuse);
  const words = splitWords(rest, refuse);
  const [first = '', second] = words;
  if (words.length > 2 || (second !== undefined && !isAddress(first))) {
    return parseSpecification(text).map(({ hostIp, hostPort }) => ({
      protocol,
      hostIp: hostIp || undefined,
      hostPort,
    }));
  }
  const { first: port, count } = readRange(second ?? first, 'the port', refuse);
  const hostIp = second === undefined ? undefined : readIp(first, refuse);
  return Array.from({ length: count }, (_, index) => ({ protocol, hostIp, hostPort: port + index }));
}

type Refuse = (why: string, hint: string) => never;

function refusal(text: string, act = 'publish'): Refuse {
  return (why, hint) => {
    throw new RnetnsError('ERR_USAGE', `cannot ${act} ${JSON.stringify(text)}: ${why}`, { hint });
  };
}

const FORM = '[HOSTIP:]HOSTPORT[-END]:[TARGETIP:]PORT[-END][/tcp|/udp], IPv6 in brackets';
const NO_TARGET = 'leave the address out to reach what listens on all addresses of the namespace';

function splitProtocol(text: string, refuse: Refuse): { rest: string; protocol: Protocol } {
  const [rest = '', word = 'tcp', more] = text.split('/');
  if (more === undefined && (word === 'tcp' || word === 'udp')) return { rest, protocol: word };
  if (word === 'sctp')
    refuse('SCTP cannot be forwarded', 'publish tcp or udp, or reach the namespace by its own address');
  return refuse(`${JSON.stringify(text.slice(rest.length))} is no protocol`, 'write /tcp or /udp, or nothing for tcp');
}

/** At the colons that are not in brackets. */
function splitWords(text: string, refuse: Refuse): string[] {
  const words = text.match(/\[[^[\]]*\]|[^:[\]]+|:/g) ?? [];
  if (words.join('') !== text) refuse('its brackets do not match', FORM);
  const parts: string[] = [''];
  for (const word of words) {
    if (word === ':') parts.push('');
    else parts.push((parts.pop() ?? '') + word);
  }
  return parts;
}

const isAddress = (word: string): boolean => /[.[a-z]/i.test(word);

/** Which word is which: addresses tell themselves apart from ports. */
function place(
  words: readonly string[],
  refuse: Refuse,
): { hostIp: string; host: string; targetIp: string; target: string } {
  const target = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const kinds = before.map((word) => (isAddress(word) ? 'a' : 'p')).join('');
  const [first = '', second = '', third = ''] = before;
  switch (kinds) {
    case '':
    case 'p':
      return { hostIp: '', host: first, targetIp: '', target };
    case 'ap':
      return { hostIp: first, host: second, targetIp: '', target };
    case 'pa':
      return { hostIp: '', host: first, targetIp: second, target };
    case 'apa':
      return { hostIp: first, host: second, targetIp: third, target };
    case 'a':
      return refuse(
        `${first} may be an address of the host or one inside`,
        `${first}::${target} is the host's with a free port, :${first}:${target} the one inside`,
      );
    default:
      return refuse('it has too many parts, or they are in a wrong order', words.length > 4 ? IPV6 : FORM);
  }
}

const IPV6 = 'IPv6 addresses stand in brackets: [::1]:8080:80';

function readRange(text: string, what: string, refuse: Refuse): Range {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return refuse(text === '' ? `${what} is missing` : `${what} is ${JSON.stringify(text)}`, FORM);
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  if (first > 65535 || last > 65535) refuse(`${what} is over 65535`, 'ports are 1 to 65535');
  if (last < first) refuse(`the range ${text} ends before it begins`, `write ${last}-${first}`);
  return { first, count: last - first + 1 };
}

function readIp(word: string, refuse: Refuse): string {
  if (word === '') return '';
  const bracketed = /^\[(.*)\]$/.exec(word)?.[1];
  const ip = parseIp(bracketed ?? word);
  if (ip === undefined || (bracketed !== undefined) !== (ip.kind === 'ipv6')) {
    refuse(
      `${word} is no address`,
      `${/^[a-z]/i.test(word) ? 'names are not looked up; ' : ''}IPv6 stands in brackets`,
    );
  } else if (ip.kind === 'ipv6' && ip.zone !== undefined) {
    refuse(`${word} has a zone`, 'publish on all addresses, or on one that is valid everywhere');
  } else if (isMulticast(ip)) {
    refuse(`${word} is a multicast address`, 'publish on an address of the host');
  }
  return formatIp(ip);
}
