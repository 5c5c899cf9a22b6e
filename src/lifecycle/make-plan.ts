import { existsSync } from 'node:fs';
import type { Config, DnsSettings } from '../config/config.js';
import { findDriver, planDriver, type Found } from '../driver/choose.js';
import { driverNamed, quirksOf } from '../driver/drivers.js';
import { ownWaysOut } from '../namespace/ways-out.js';
import type { WaysOut } from '../plan/default-route.js';
import { RnetnsError } from '../errors/error.js';
import { isExecutable } from '../exec/find-program.js';
import { isLocalhost, parseIp } from '../plan/ip.js';
import { sumOfHostFiles } from '../plan/host-sum.js';
import { planMounts } from '../plan/mounts.js';
import type { DriverPlan, IdMap, Plan } from '../plan/plan.js';
import {
  answeringForwarders,
  chooseHostResolvConf,
  parseResolvConf,
  planResolvConf,
  type ResolvConfFacts,
} from '../plan/resolv-conf.js';
import { resolvConfTarget } from '../plan/resolv-conf-target.js';
import { readOptional } from '../state/files.js';
import type { Context } from './context.js';
import { cniDirectory, hasOwnUserns, isDirectory, readIdMap, readLink } from './facts.js';

/** What the first step of making a namespace needs, without asking any program. */
export interface Choice {
  found: Found;
  /** null: the caller's user namespace will do. */
  idMap: IdMap | null;
}

/** @throws RnetnsError ERR_PROGRAM_MISSING; nothing has been started then. */
export async function chooseParts({ config, env, inputs, log }: Context): Promise<Choice> {
  const path = (env.PATH ?? '').split(':');
  return {
    found: findDriver(config, path, inputs.noting(isExecutable)),
    idMap: hasOwnUserns() ? null : await readIdMap(path, env, inputs, (message) => log.warn(message)),
  };
}

/**
 * What would be done to make this namespace now: settings and facts of the host, nothing changed.
 *
 * @throws RnetnsError ERR_CONFIG or ERR_MOUNT.
 */
export async function makePlan(context: Context, { found, idMap }: Choice): Promise<Plan> {
  const { state, config, runtimeDir, env, inputs } = context;
  const mountTarget = resolvConfTarget(inputs.noting(readLink));
  if (mountTarget !== null && inputs.noting(isDirectory)(mountTarget)) {
    throw new RnetnsError('ERR_MOUNT', `cannot mount a resolv.conf on ${mountTarget}: it is a directory`, {
      hint: `sudo rmdir ${mountTarget}, and make a file there`,
    });
  }
  const [driver, host] = await Promise.all([planDriver(found, config, state.netns, env), ownWaysOut()]);
  const families = expectedFamilies(driver, host);
  refuseServersWithoutFamily(config, driver);
  const readText = inputs.noting(readOptional);
  const forwarders = forwardersFor(driver, families, readText);
  return {
    driver,
    idMap,
    mounts: planMounts({
      stateDir: state.path,
      runtimeDir,
      resolvConfTarget: mountTarget,
      hasRunSystemd: hasRunSystemd(mountTarget, inputs.noting(existsSync)),
      networkBackend: config.network.networkBackend,
      cni: cniDirectory(inputs.noting(existsSync)),
    }),
    // Which families there really are shows once the driver runs.
    resolvConf: {
      content: planResolvConf(resolvConfFacts(config, driver, forwarders, families.ipv6, readText)).content,
      mountTarget,
      asked: serversNamed(readText),
      sum: sumOfHostFiles(readText),
      settings: dnsSettings(config),
    },
    directory: state.path,
  };
}

/**
 * Is /run/systemd to be shown inside? Not where /etc/resolv.conf leads into it to something that isn't there
 * (systemd-resolved is disabled): below root's /run/systemd nobody else could make the mount point.
 */
function hasRunSystemd(resolvConf: string | null, exists: (path: string) => boolean): boolean {
  if (!exists('/run/systemd')) return false;
  if (resolvConf?.startsWith('/run/systemd/') !== true) return true;
  // A tmpfs of ours goes on this one, in which the file can be made.
  const inResolve = resolvConf.startsWith('/run/systemd/resolve/');
  return exists(inResolve ? '/run/systemd/resolve' : resolvConf);
}

/** With the host's routes a namespace has what the host has, else what the driver makes. Offline, nobody knows yet. */
export function expectedFamilies(driver: DriverPlan, host: WaysOut): WaysOut {
  const left = driver.path === null ? undefined : driver.families;
  const isKnown = quirksOf(driver).copiesHostRoutes && (host.ipv4 || host.ipv6);
  const has = (family: keyof WaysOut): boolean => left?.[family] !== false && (!isKnown || host[family]);
  return { ipv4: has('ipv4'), ipv6: has('ipv6') };
}

/** Two settings that can't both be followed. */
function refuseServersWithoutFamily({ network }: Config, driver: DriverPlan): void {
  if (driver.path === null) return;
  const { ipv4, ipv6 } = driver.families ?? { ipv4: true, ipv6: true };
  for (const server of network.dnsServers) {
    const ip = parseIp(server);
    // A resolver inside needs no way out.
    if (ip === undefined || isLocalhost(ip) || (ip.kind === 'ipv4' ? ipv4 : ipv6)) continue;
    const family = ip.kind === 'ipv4' ? 'IPv4' : 'IPv6';
    const why = `the options of ${driver.name} turn ${family} off`;
    throw new RnetnsError('ERR_CONFIG', `cannot use dns_servers ${server}: ${why}`, {
      hint: 'keep one of the two; rnetns config tells which file sets them',
    });
  }
}

/** Of a driver's forwarders those that a namespace with these families can ask, and that answer. */
export function forwardersFor({ name, dnsForward }: DriverPlan, families: WaysOut, readText = readOptional): string[] {
  const served = dnsForward.filter((address) => (address.includes(':') ? families.ipv6 : families.ipv4));
  const ours = driverNamed(name).program?.forwarders;
  return ours === undefined ? served : answeringForwarders(served, ours, serversNamed(readText));
}

function serversNamed(readText: typeof readOptional): string[] {
  return parseResolvConf(readText('/etc/resolv.conf') ?? '').nameservers;
}

export function dnsSettings({ network }: Config): DnsSettings {
  const { dnsServers, dnsFallback, dnsSearches, dnsOptions } = network;
  return { dnsServers, dnsFallback, dnsSearches, dnsOptions };
}

/** What resolv.conf inside is made of. Without a driver a public server is as far away as any other. */
export function resolvConfFacts(
  { network }: Config,
  driver: Pick<DriverPlan, 'path'>,
  forwarders: readonly string[],
  ipv6: boolean,
  readText = readOptional,
): ResolvConfFacts {
  const { dnsServers, dnsSearches, dnsOptions } = network;
  const dnsFallback = driver.path === null ? 'none' : network.dnsFallback;
  const host = chooseHostResolvConf(readText);
  return { host, forwarders, ipv6, dnsFallback, dnsServers, dnsSearches, dnsOptions };
}
