/**
 * The nft(8) rules that lead questions to a driver's forwarder, whose name server is gone, to one of now: for programs that have read
 * resolv.conf once and never again. In a table of our own, beside those of CNI plugins and netavark, and before their
 * chains (priority -100, dstnat): the first NAT of a connection is the one that counts. For commands by output, for containers
 * on bridges by prerouting.
 */
import type { Redirect } from './host-part.js';

export const TABLE = 'rnetns_dns';

const FAMILIES = [
  { family: 'ip', is: (address: string) => !address.includes(':') },
  { family: 'ip6', is: (address: string) => address.includes(':') },
] as const;

/** @returns input for `nft -f -`: in one step the table of each family with these rules, or without any no table. */
export function redirectRules(redirects: readonly Redirect[]): string {
  return FAMILIES.map(({ family, is }) => {
    // Who deletes one that isn't there fails.
    const none = `add table ${family} ${TABLE}\ndelete table ${family} ${TABLE}\n`;
    const rules = redirects
      .filter(({ from }) => is(from))
      .flatMap(({ from, to }) =>
        ['udp', 'tcp'].map((protocol) => `    ${family} daddr ${from} ${protocol} dport 53 dnat to ${to}\n`),
      )
      .join('');
    if (rules === '') return none;
    const chain = (hook: string): string =>
      `  chain ${hook} {\n    type nat hook ${hook} priority -110;\n${rules}  }\n`;
    return `${none}table ${family} ${TABLE} {\n${chain('output')}${chain('prerouting')}}\n`;
  }).join('');
}

/** One line each, by which it is known what there is. */
export function redirectLines(redirects: readonly Redirect[]): string {
  return redirects.map(({ from, to }) => `${from} ${to}\n`).join('');
}
