import { existsSync } from 'node:fs';
import type { Config } from '../config/config.js';
import { findDriver, planDriver, type Found } from '../driver/choose.js';
import { planMounts } from '../plan/mounts.js';
import type { IdMap, Plan } from '../plan/plan.js';
import { chooseHostResolvConf, planResolvConf } from '../plan/resolv-conf.js';
import { resolvConfTarget } from '../plan/resolv-conf-target.js';
import { readOptional } from '../state/files.js';
import type { Context } from './context.js';
import { cniDirectory, hasOwnUserns, readIdMap, readLink } from './facts.js';

/** What the first step of making a namespace needs, without asking any program. */
export interface Choice {
  found: Found;
  /** null: the caller's user namespace will do. */
  idMap: IdMap | null;
}

/** @throws RnetnsError ERR_PROGRAM_MISSING; nothing has been started then. */
export async function chooseParts({ config, env }: Context): Promise<Choice> {
  const path = (env.PATH ?? '').split(':');
  return { found: findDriver(config, path), idMap: hasOwnUserns() ? null : await readIdMap(path, env) };
}

/**
 * What would be done to make this namespace now: settings and facts of the host, nothing changed.
 *
 * @throws RnetnsError ERR_CONFIG or ERR_MOUNT.
 */
export async function makePlan(context: Context, { found, idMap }: Choice): Promise<Plan> {
  const { state, config, runtimeDir, env } = context;
  const mountTarget = resolvConfTarget(readLink);
  const driver = await planDriver(found, config, state.netns, env);
  return {
    driver,
    idMap,
    mounts: planMounts({
      stateDir: state.path,
      runtimeDir,
      resolvConfTarget: mountTarget,
      hasRunSystemd: hasRunSystemd(mountTarget),
      networkBackend: config.network.networkBackend,
      cni: cniDirectory(),
    }),
    // Which families there will be shows only once the driver runs; until then the plan shows both.
    resolvConf: { content: planResolvConfFor(config, driver.dnsForward, true), mountTarget },
    directory: state.path,
  };
}

/**
 * Is /run/systemd to be shown inside? Not where /etc/resolv.conf leads into it to something that isn't there
 * (systemd-resolved is disabled): below root's /run/systemd nobody else could make the mount point.
 */
function hasRunSystemd(resolvConf: string | null): boolean {
  if (!existsSync('/run/systemd')) return false;
  if (resolvConf?.startsWith('/run/systemd/') !== true) return true;
  // A tmpfs of ours goes on this one, in which the file can be made.
  const inResolve = resolvConf.startsWith('/run/systemd/resolve/');
  return existsSync(inResolve ? '/run/systemd/resolve' : resolvConf);
}

/**
 * resolv.conf of a namespace that has these addresses.
 *
 * @param forwarders - the driver's, as far as the namespace can reach them.
 */
export function resolvConfOf(config: Config, forwarders: readonly string[], addresses: readonly string[]): string {
  // Offline: whatever it will get, it isn't known yet.
  const ipv6 = addresses.length === 0 || addresses.some((address) => address.includes(':'));
  return planResolvConfFor(config, forwarders, ipv6);
}

function planResolvConfFor({ network }: Config, forwarders: readonly string[], ipv6: boolean): string {
  const { dnsServers, dnsSearches, dnsOptions } = network;
  const host = chooseHostResolvConf(readOptional);
  return planResolvConf({ host, forwarders, ipv6, dnsServers, dnsSearches, dnsOptions }).content;
}
