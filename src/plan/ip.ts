/**
 * IP addresses as values: read, classified and written in one canonical form.
 *
 * The planners compare addresses from resolv.conf, settings and /proc, where one address has many spellings
 * (`::1`, `0:0:0:0:0:0:0:1`). Comparing text would keep duplicates and let a loopback address through.
 */

export type IpAddress =
  | { kind: 'ipv4'; /** 32 bits, unsigned. */ value: number }
  | {
      kind: 'ipv6';
      /** eight groups of 16 bits. */ groups: readonly number[];
      /** `eth0` of `fe80::1%eth0`. */ zone?: string;
    };

/** A dotted quad as an unsigned number, undefined for anything else; `010.0.0.1` is ambiguous and so refused. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) {
    return undefined;
  }
  return parts.reduce((value, part) => value * 256 + Number(part), 0);
}

export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
}

/** Groups of one side of `::`; undefined if one is not hexadecimal. The last may be a dotted quad. */
function parseGroups(side: string): number[] | undefined {
  if (side === '') return [];
  const words = side.split(':');
  const groups: number[] = [];
  for (const [index, word] of words.entries()) {
    const quad = index === words.length - 1 ? parseIpv4(word) : undefined;
    if (quad !== undefined) groups.push(quad >>> 16, quad & 0xffff);
    else if (/^[0-9a-f]{1,4}$/i.test(word)) groups.push(Number.parseInt(word, 16));
    else return undefined;
  }
  return groups;
}

function parseIpv6(text: string): number[] | undefined {
  const [left, right, more] = text.split('::');
  if (left === undefined || more !== undefined) return undefined;
  // A dotted quad is only valid at the very end, so never left of `::`.
  if (right !== undefined && left.includes('.')) return undefined;
  const head = parseGroups(left);
  const tail = right === undefined ? [] : parseGroups(right);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (right === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...head, ...Array<number>(missing).fill(0), ...tail];
}

/** Read an IPv4 or IPv6 address, the latter with or without `%zone`; undefined if it is neither. */
export function parseIp(text: string): IpAddress | undefined {
  const value = parseIpv4(text);
  if (value !== undefined) return { kind: 'ipv4', value };
  const [address = '', zone, more] = text.split('%');
  if (more !== undefined || zone === '' || (zone !== undefined && /\s/.test(zone))) return undefined;
  const groups = parseIpv6(address);
  if (groups === undefined) return undefined;
  return zone === undefined ? { kind: 'ipv6', groups } : { kind: 'ipv6', groups, zone };
}

/** The longest run of two or more zero groups, as [start, end); the first one if two are equally long. */
function longestZeroRun(groups: readonly number[]): [number, number] | undefined {
  let best: [number, number] | undefined;
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (end < groups.length && groups[end] === 0) end++;
    if (end - start >= 2 && (best === undefined || end - start > best[1] - best[0])) best = [start, end];
  }
  return best;
}

/** Canonical text, RFC 5952 section 4: lower case, no leading zeros, the longest run of zeros as `::`. */
export function formatIp(ip: IpAddress): string {
  if (ip.kind === 'ipv4') return formatIpv4(ip.value);
  const run = longestZeroRun(ip.groups);
  const hex = (groups: readonly number[]): string => groups.map((group) => group.toString(16)).join(':');
  const text =
    run === undefined ? hex(ip.groups) : `${hex(ip.groups.slice(0, run[0]))}::${hex(ip.groups.slice(run[1]))}`;
  return ip.zone === undefined ? text : `${text}%${ip.zone}`;
}

/** The IPv4 address inside `::ffff:a.b.c.d`: the kernel sends it as IPv4, so it is judged as that (ipv6(7)). */
function unmapped(ip: IpAddress): IpAddress {
  if (ip.kind === 'ipv4') return ip;
  const [a, b, c, d, e, f, high = 0, low = 0] = ip.groups;
  const isMapped = [a, b, c, d, e].every((group) => group === 0) && f === 0xffff;
  return isMapped ? { kind: 'ipv4', value: high * 0x10000 + low } : ip;
}

/** 127.0.0.0/8, ::1, and the unspecified 0.0.0.0 and ::, which reach the local host just the same. */
export function isLocalhost(ip: IpAddress): boolean {
  const judged = unmapped(ip);
  if (judged.kind === 'ipv4') return judged.value === 0 || judged.value >>> 24 === 127;
  return judged.groups.slice(0, 7).every((group) => group === 0) && (judged.groups[7] ?? 0) <= 1;
}

export function isMulticast(ip: IpAddress): boolean {
  return ip.kind === 'ipv4' ? ip.value >>> 28 === 0xe : (ip.groups[0] ?? 0) >>> 8 === 0xff;
}

/** fe80::/10; the IPv4 range 169.254.0.0/16 is not meant: rnetns puts its own forwarders there. */
export function isIpv6LinkLocal(ip: IpAddress): boolean {
  return ip.kind === 'ipv6' && (ip.groups[0] ?? 0) >>> 6 === 0xfe80 >>> 6;
}
