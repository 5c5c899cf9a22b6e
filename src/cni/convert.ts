/**
 * A result as JSON of one version of the spec. What that version has no word for is left out, as by libcni.
 *
 *   1.0.0, 1.1.0           all of it; `dns` only when there is something in it
 *   0.3.0, 0.3.1, 0.4.0    interfaces with name, mac and sandbox; each address names its family; `dns` always
 *   0.1.0, 0.2.0           the first address of each family with its routes, no interfaces; `dns` always
 *
 * @see https://github.com/containernetworking/cni/tree/main/pkg/types (100, 040 and 020)
 */

import { cidrFamily } from './cidr.js';
import { CNI_CODE, CniError } from './error.js';
import { present } from './fields.js';
import type { Dns, Interface, IpConfig, Result, Route } from './result.js';
import { atLeast, type CniVersion } from './version.js';

/** Spec 1.0.0 and 1.1.0; lists that are empty are left out. */
export interface Result100 {
  cniVersion: CniVersion;
  interfaces?: readonly Interface[];
  ips?: readonly IpConfig[];
  routes?: readonly Route[];
  dns?: Dns;
}

/** Spec 0.3.0 to 0.4.0. */
export interface Result040 {
  cniVersion: CniVersion;
  interfaces?: readonly Pick<Interface, 'name' | 'mac' | 'sandbox'>[];
  ips?: readonly (IpConfig & { version: '4' | '6' })[];
  routes?: readonly Route[];
  dns: Dns;
}

export interface IpConfig020 {
  ip: string;
  gateway?: string;
  routes?: readonly Pick<Route, 'dst' | 'gw'>[];
}

/** Spec 0.1.0 and 0.2.0. */
export interface Result020 {
  cniVersion: CniVersion;
  ip4?: IpConfig020;
  ip6?: IpConfig020;
  dns: Dns;
}

export type WrittenResult = Result100 | Result040 | Result020;

/** @throws CniError decoding: 0.1.0 or 0.2.0 of a newer result without any address. */
export function writeResult(result: Result, version: CniVersion): WrittenResult {
  if (atLeast(version, '1.0.0')) return to100(result, version);
  return atLeast(version, '0.3.0') ? to040(result, version) : to020(result, version);
}

function to100({ interfaces, ips, routes, dns }: Result, cniVersion: CniVersion): Result100 {
  return present<Result100>({
    cniVersion,
    interfaces: unlessEmpty(interfaces),
    ips: unlessEmpty(ips),
    routes: unlessEmpty(routes),
    dns: Object.keys(dns).length === 0 ? undefined : dns,
  });
}

function to040({ interfaces, ips, routes, dns }: Result, cniVersion: CniVersion): Result040 {
  const known = interfaces.map(({ name, mac, sandbox }) => present<Interface>({ name, mac, sandbox }));
  return present<Result040>({
    cniVersion,
    interfaces: unlessEmpty(known),
    ips: unlessEmpty(ips.map((ip) => ({ version: cidrFamily(ip.address) === 4 ? '4' : '6', ...ip }))),
    routes: unlessEmpty(routes),
    dns,
  });
}

function to020({ version, ips, routes, dns }: Result, cniVersion: CniVersion): Result020 {
  const [ip4, ip6] = ([4, 6] as const).map((family) => {
    const ip = ips.find(({ address }) => cidrFamily(address) === family);
    if (ip === undefined) return undefined;
    const own = routes
      .filter(({ dst }) => cidrFamily(dst) === family)
      .map(({ dst, gw }) => present<Route>({ dst, gw }));
    return present<IpConfig020>({ ip: ip.address, gateway: ip.gateway, routes: unlessEmpty(own) });
  });
  if (ip4 === undefined && ip6 === undefined && atLeast(version, '0.3.0')) {
    throw new CniError(
      CNI_CODE.decoding,
      `cannot convert the result to CNI version ${cniVersion}: no valid IP addresses`,
    );
  }
  return present<Result020>({ cniVersion, ip4, ip6, dns });
}

function unlessEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}
