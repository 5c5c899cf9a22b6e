/**
 * The result of ADD, as we hold it: in the shape of spec 1.1.0, whatever version it came in. See convert.ts for how it
 * is written in the others.
 *
 * Like libcni we read it field by field: what a version doesn't know is dropped on the way to the next plugin.
 *
 * @see SPEC.md section 5, https://github.com/containernetworking/cni/blob/main/SPEC.md#add-success
 * @see https://github.com/containernetworking/cni/tree/main/pkg/types
 */

import { quote } from '../config/bad-setting.js';
import { maskCidr } from './cidr.js';
import { CNI_CODE, CniError } from './error.js';
import { Fields, present } from './fields.js';
import { type CniVersion, isKnownVersion } from './version.js';

export interface Interface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** Path of the namespace that it is in; absent on the host's side. */
  readonly sandbox?: string;
  readonly socketPath?: string;
  readonly pciID?: string;
}

export interface IpConfig {
  /** Index into `interfaces`; 0 is one, absent is none. */
  readonly interface?: number;
  /** With prefix length: `10.89.0.2/24`. */
  readonly address: string;
  readonly gateway?: string;
}

export interface Route {
  readonly dst: string;
  readonly gw?: string;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
}

export interface Dns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

export interface Result {
  /** The one that it came in. */
  readonly version: CniVersion;
  readonly interfaces: readonly Interface[];
  readonly ips: readonly IpConfig[];
  readonly routes: readonly Route[];
  readonly dns: Dns;
}

/**
 * Parse what a plugin printed, or a cache holds.
 *
 * @param text - JSON; `null` is an empty result, nothing at all is none.
 * @param configVersion - of the request, for a result that names no version of its own.
 * @throws CniError decoding; incompatibleVersion: a version that nobody knows.
 */
export function parseResult(text: string, configVersion: CniVersion): Result {
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (cause) {
    const what = text.trim() === '' ? 'the plugin printed no result' : `the result is no JSON: ${quote(text)}`;
    throw new CniError(CNI_CODE.decoding, what, { cause });
  }
  return readResult(value ?? {}, configVersion);
}

/** The same for JSON that was parsed before. @throws CniError as {@link parseResult} does. */
export function readResult(value: unknown, configVersion: CniVersion): Result {
  const result = new Fields(value, 'the result');
  const said = result.object.cniVersion;
  const version = typeof said === 'string' && said !== '' ? said : configVersion;
  if (!isKnownVersion(version)) {
    throw new CniError(CNI_CODE.incompatibleVersion, `the result is of the unknown CNI version ${quote(version)}`);
  }
  const dns = readDns(result.child('dns'));
  if (version === '0.1.0' || version === '0.2.0') return readOldResult(result, version, dns);
  return {
    version,
    interfaces: result.list('interfaces').map(readInterface),
    ips: result.list('ips').map(readIp),
    routes: result.list('routes').map(readRoute),
    dns,
  };
}

/** One address of each family, with its routes. */
function readOldResult(result: Fields, version: CniVersion, dns: Dns): Result {
  const families = ['ip4', 'ip6'].filter((key) => result.has(key)).map((key) => result.child(key));
  return {
    version,
    interfaces: [],
    ips: families.map((ip) => present<IpConfig>({ address: ip.cidr('ip'), gateway: ip.address('gateway') })),
    routes: families.flatMap((ip) => ip.list('routes').map(readRoute)),
    dns,
  };
}

function readInterface(fields: Fields): Interface {
  return present<Interface>({
    name: fields.text('name') ?? '',
    mac: fields.text('mac'),
    mtu: fields.positive('mtu'),
    sandbox: fields.text('sandbox'),
    socketPath: fields.text('socketPath'),
    pciID: fields.text('pciID'),
  });
}

function readIp(fields: Fields): IpConfig {
  return present<IpConfig>({
    interface: fields.number('interface'),
    address: fields.cidr('address'),
    gateway: fields.address('gateway'),
  });
}

/** `dst` is a network, as by Go's ParseCIDR. Table 0 and scope 0 have a meaning; the other numbers are absent when 0. */
function readRoute(fields: Fields): Route {
  return present<Route>({
    dst: maskCidr(fields.cidr('dst')),
    gw: fields.address('gw'),
    mtu: fields.positive('mtu'),
    advmss: fields.positive('advmss'),
    priority: fields.positive('priority'),
    table: fields.number('table'),
    scope: fields.number('scope'),
  });
}

function readDns(fields: Fields): Dns {
  return present<Dns>({
    nameservers: fields.texts('nameservers'),
    domain: fields.text('domain'),
    search: fields.texts('search'),
    options: fields.texts('options'),
  });
}
