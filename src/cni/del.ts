/**
 * DEL: take a container off a network, as often as one likes, and go on after failures: each plugin frees what it can.
 *
 * libcni stops at the first failure, so that one broken plugin keeps the others' addresses and rules for ever.
 *
 * What isn't in the cache isn't ours, and nothing is done about it: a plugin would delete whatever interface has that name.
 * What is there can always be removed:
 *   1. each plugin is asked with what ADD was done with; if it fails, with what the caller says, and as the network's files have it now
 *   2. where it still fails: of an attachment that never came to be, or by force, its words are a warning, and we remove the
 *      interface and free the address ourselves; any other one stays, to be tried again
 *
 * @see SPEC.md section 3, https://github.com/containernetworking/cni/blob/main/SPEC.md#deleting-an-attachment
 * @see DelNetworkList, https://github.com/containernetworking/cni/blob/main/libcni/api.go
 */

import { shellWord } from '../exec/shell-word.js';
import { tolerantArgs } from './args.js';
import { attachedList, attachedResult, type Today } from './attached.js';
import { removeMadeBridges } from './bridges.js';
import type { CachedAttachment } from './cache.js';
import { agreeOnVersion, callPlugin, type Cni, failureOf, throwAll } from './chain.js';
import { type Attachment, type AttachmentId, composeDelRequest } from './compose.js';
import type { WrittenResult } from './convert.js';
import { CNI_CODE, CniError } from './error.js';
import { isInstalled } from './find-plugin.js';
import { structField } from './json.js';
import { checkContainerId, checkIfName, checkNetnsPath, checkNetworkName } from './names.js';
import type { NetworkList, PluginConf } from './network-conf.js';
import { placeOf } from './place.js';
import type { CniVersion } from './version.js';
import { isObject } from '../state/json.js';

export interface DelOptions {
  /** Whatever plugins say, it is taken off. */
  force?: boolean;
}

/** One way to ask a plugin. */
interface Way {
  plugin: PluginConf;
  version: CniVersion;
  attachment: Attachment;
  prevResult: WrittenResult | undefined;
}

/** A plugin that failed in every way. */
interface Left {
  error: CniError;
  way: Way;
}

/**
 * Delete the attachment; one that isn't there is no error.
 *
 * @param attachment - `netns` empty: the one that the cache knows; if that is gone, plugins free what is outside of it.
 * @param today - the network as its files are now; that they are gone is no obstacle after an ADD.
 * @throws CniError all failures as one; the attachment then stays in the cache, to be tried again.
 */
export async function delNetwork(
  cni: Cni,
  network: string,
  attachment: Attachment,
  today: Today,
  { force = false }: DelOptions = {},
): Promise<void> {
  const act = actOf(network, attachment);
  try {
    checkNetworkName(network);
    checkContainerId(attachment.containerId);
    checkIfName(attachment.ifName);
    checkNetnsPath(attachment.netns);
    const cached = cni.cache.find(network, attachment, cni.warn);
    if (cached === undefined) return;
    // First: its address may be another one's as soon as a plugin has freed it.
    await cni.closePorts(network, cached);
    if (cached.unfinished?.undone !== true) await deleteAll(cni, cached, attachment, today, force);
    if (cached.unfinished !== undefined) {
      const plugins = listOrNone(cni, cached, today)?.plugins ?? [];
      for (const error of await failureOf(() => removeMadeBridges(cni, plugins, cached))) cni.warn(error.message);
    }
    cni.cache.remove(network, attachment);
  } catch (cause) {
    throw cause instanceof CniError && cause.context === undefined ? cause.during(`${act} failed`) : cause;
  }
}

/** DEL of all plugins, and what they leave is done by hand where it must be. @throws CniError */
async function deleteAll(
  cni: Cni,
  cached: CachedAttachment,
  given: Attachment,
  today: Today,
  force: boolean,
): Promise<void> {
  const { netns, link } = await placeOf(cni, cached, given.netns);
  const here = { ...given, netns };
  const mustGo = force || cached.unfinished !== undefined;
  let left: Left[] = [];
  try {
    left = await askPlugins(cni, cached.network, await waysOf(cni, cached, here, today));
    if (left.length === 0) return;
    if (!mustGo) {
      throwAll(left.filter((each) => !isGone(cni, each, today)).map(({ error }) => adviseForce(cni, cached, error)));
    }
  } catch (cause) {
    if (!mustGo || !(cause instanceof CniError)) throw cause;
    cni.warn(cause.message);
  }
  for (const { error } of left) cni.warn(error.message);
  if (!mustGo) return;
  await freeAddresses(cni, cached, left);
  if (link === undefined) return;
  // Where one plugin fails, another one may have deleted it.
  const [links = []] = await orNone(() => cni.links(netns));
  if (!links.some(({ name }) => name === cached.ifName)) return;
  for (const error of await failureOf(() => cni.deleteLink(cached.ifName, netns))) cni.warn(error.message);
}

/**
 * Undo an ADD that has failed: DEL of these plugins, last first, as they were added, or else without what the caller gave: with
 * that, a plugin may not even get to know whom it is to free.
 *
 * @returns what failed.
 */
export async function undoPlugins(
  cni: Cni,
  network: string,
  plugins: readonly PluginConf[],
  version: CniVersion,
  attachment: Attachment,
  prevResult: WrittenResult | undefined,
): Promise<CniError[]> {
  const bare = { ...attachment, args: [], capabilityArgs: {} };
  const ways = plugins.map((plugin) =>
    [attachment, bare].map((each) => ({ plugin, version, attachment: each, prevResult })),
  );
  return (await askPlugins(cni, network, ways)).map(({ error }) => error);
}

/** DEL of each plugin, last first, in the first of its ways that succeeds. */
async function askPlugins(cni: Cni, network: string, plugins: readonly Way[][]): Promise<Left[]> {
  const left: Left[] = [];
  for (const ways of plugins.toReversed()) {
    const asked = new Set<string>();
    let failed: Left | undefined;
    for (const way of ways) {
      const { request, attachment } = requestOf(network, way);
      const question = JSON.stringify([way.plugin.type, request, attachment.args]);
      if (asked.has(question)) continue;
      asked.add(question);
      const [error] = await failureOf(() =>
        callPlugin(cni, 'DEL', way.plugin, request, actOf(network, attachment), attachment),
      );
      if (error === undefined) {
        failed = undefined;
        break;
      }
      failed ??= { error, way };
      // It hangs: the next try would as well.
      if (error.cniCode === CNI_CODE.tryAgainLater) break;
    }
    if (failed !== undefined) left.push(failed);
  }
  return left;
}

function requestOf(network: string, { plugin, version, attachment, prevResult }: Way) {
  const tolerant = { ...attachment, args: tolerantArgs(attachment.args) };
  return { request: composeDelRequest(network, version, plugin, attachment, prevResult), attachment: tolerant };
}

/** For each plugin of ADD: as it was added, with what the caller says, and as it is configured today. @throws CniError */
async function waysOf(cni: Cni, cached: CachedAttachment, given: Attachment, today: Today): Promise<Way[][]> {
  const wayWith = (version: CniVersion) => {
    const prevResult = readResult(cni, cached, version);
    return (plugin: PluginConf, { args, capabilityArgs }: Pick<Attachment, 'args' | 'capabilityArgs'>): Way => ({
      plugin,
      version,
      attachment: { ...given, args, capabilityArgs },
      prevResult,
    });
  };
  const then = attachedList(cni, cached, today);
  const now = today instanceof CniError || today === then ? undefined : today;
  const [nowVersion] = now === undefined ? [] : await orNone(() => agreeOnVersion(cni, now, true));
  const wayNow = now === undefined || nowVersion === undefined ? undefined : wayWith(nowVersion);
  const wayThen = wayWith(await agreeOnVersion(cni, then, true));
  // A file of before libcni 0.8 has no arguments.
  const own = cached.config === '' ? given : cached;
  return then.plugins.map((plugin, index) => {
    const nth = then.plugins.slice(0, index).filter(({ type }) => type === plugin.type).length;
    const heir = now?.plugins.filter(({ type }) => type === plugin.type)[nth];
    const later = heir === undefined || wayNow === undefined ? [] : [wayNow(heir, own), wayNow(heir, given)];
    return [wayThen(plugin, own), wayThen(plugin, given), ...later];
  });
}

/** A plugin that isn't installed any more, nor in the network's list: nobody will ever free what it made. */
function isGone({ pluginDirs }: Cni, { way: { plugin } }: Left, today: Today): boolean {
  if (today instanceof CniError || today.plugins.some(({ type }) => type === plugin.type)) return false;
  return !isInstalled(plugin.type, pluginDirs);
}

function adviseForce({ program }: Cni, { network, containerId, ifName }: CachedAttachment, error: CniError): CniError {
  const command = [network, containerId, `--ifname=${ifName}`].map(shellWord).join(' ');
  const { cniCode, msg, details, context, hint, refused } = error;
  const all = `${hint === undefined ? '' : `${hint}; or `}to take it off all the same: ${program} cni del --force ${command}`;
  return new CniError(cniCode, msg, { details, context, hint: all, refused, cause: error });
}

/** By the plugins that gave them out: the one that failed would have called them. */
async function freeAddresses(cni: Cni, { network }: CachedAttachment, left: readonly Left[]): Promise<void> {
  for (const { way } of left) {
    const ipam = structField(way.plugin.config, 'ipam');
    const type = isObject(ipam) ? structField(ipam, 'type') : undefined;
    if (typeof type !== 'string' || type === '') continue;
    const { request, attachment } = requestOf(network, way);
    const act = actOf(network, attachment);
    for (const error of await failureOf(() =>
      callPlugin(cni, 'DEL', { ...way.plugin, type }, request, act, attachment),
    )) {
      cni.warn(error.message);
    }
  }
}

function actOf(network: string, { containerId, ifName }: AttachmentId): string {
  return `deleting ${ifName} of ${containerId} from network ${network}`;
}

async function orNone<T>(act: () => Promise<T>): Promise<[T] | []> {
  try {
    return [await act()];
  } catch (cause) {
    if (cause instanceof CniError) return [];
    throw cause;
  }
}

function listOrNone(cni: Cni, cached: CachedAttachment, today: Today): NetworkList | undefined {
  try {
    return attachedList({ ...cni, warn: () => undefined }, cached, today);
  } catch (cause) {
    if (cause instanceof CniError) return undefined;
    throw cause;
  }
}

function readResult(cni: Cni, cached: CachedAttachment, version: CniVersion): WrittenResult | undefined {
  try {
    return attachedResult(cached, version);
  } catch (cause) {
    if (!(cause instanceof CniError)) throw cause;
    cni.warn(`the cached result is not used: ${cause.message}`);
    return undefined;
  }
}
