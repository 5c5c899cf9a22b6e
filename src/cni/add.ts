/**
 * ADD: put a container on a network.
 *
 * The order, which makes that nothing is lost whatever ends us:
 *   1. look at everything that can be wrong before anything is done
 *   2. cache the attachment, still without a result: `gc` finds it after a crash
 *   3. plugin by plugin: ADD with the result so far, and cache the new one, which DEL needs to find all that was made
 * On a failure, and when it is interrupted: DEL of the plugins that ran, last first; the failed one is one of them, as it
 * may have done half of it. If all of them succeed, the attachment is forgotten, else it stays in the cache for a later
 * `del` or `gc`.
 *
 * One call at a time for a container, and none during `gc`: the spec leaves that to the runtime, and we to the caller.
 * libcni undoes nothing and leaves it to its caller; the spec wants a DEL after every failed ADD.
 *
 * @see SPEC.md section 3, https://github.com/containernetworking/cni/blob/main/SPEC.md#adding-an-attachment
 * @see AddNetworkList, https://github.com/containernetworking/cni/blob/main/libcni/api.go
 */

import { shellWord } from '../exec/shell-word.js';
import { formatArgs } from './args.js';
import type { CachedAttachment } from './cache.js';
import { agreeOnVersion, callPlugin, type Cni, failureOf } from './chain.js';
import { composeRequestFor, type Attachment } from './compose.js';
import { writeResult, type WrittenResult } from './convert.js';
import { deletePlugins } from './del.js';
import { CNI_CODE, CniError } from './error.js';
import { findPlugin } from './find-plugin.js';
import { checkContainerId, checkIfName, checkNetnsPath, checkNetworkName } from './names.js';
import type { NetworkList, PluginConf } from './network-conf.js';
import { parseResult } from './result.js';
import type { CniVersion } from './version.js';

/**
 * Add the attachment to the network.
 *
 * @returns the result of the last plugin, in the version that was agreed on.
 * @throws CniError with the code, msg and details of the plugin that failed, or our own; nothing is left then, but for
 *   what `warn` was told of.
 */
export async function addNetwork(cni: Cni, list: NetworkList, attachment: Attachment): Promise<WrittenResult> {
  const act = `adding ${attachment.ifName} of ${attachment.containerId} to network ${list.name}`;
  try {
    check(cni, list, attachment);
    const version = await agreeOnVersion(cni, list);
    remember(cni, list, attachment, undefined);
    return await addPlugins(cni, list, version, attachment, act);
  } catch (cause) {
    throw cause instanceof CniError && cause.context === undefined ? cause.during(`${act} failed`) : cause;
  }
}

/** 1. Whatever is refused here has changed nothing, and needs no DEL. */
function check(cni: Cni, list: NetworkList, attachment: Attachment): void {
  checkNetworkName(list.name);
  checkContainerId(attachment.containerId);
  checkIfName(attachment.ifName);
  checkNetnsPath(attachment.netns);
  if (attachment.netns === '') throw new CniError(CNI_CODE.badEnvironment, 'missing path of the network namespace');
  formatArgs(attachment.args);
  checkCapabilities(list, attachment);
  for (const { type } of list.plugins) findPlugin(type, cni.pluginDirs);
  cni.checkNetns(attachment.netns);
  checkNew(cni, list.name, attachment);
}

/** libcni drops what nobody takes: a limit or a port that was asked for would be missing, and nobody would know. */
function checkCapabilities({ name, plugins }: NetworkList, { capabilityArgs }: Attachment): void {
  const known = new Set(plugins.flatMap(({ capabilities }) => capabilities));
  // Runtimes give an empty list of ports with every container.
  const asksForNothing = (value: unknown) =>
    value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);
  const unknown = Object.keys(capabilityArgs).filter((key) => !known.has(key) && !asksForNothing(capabilityArgs[key]));
  if (unknown.length === 0) return;
  const there = known.size === 0 ? 'none of its plugins lists one' : `there are ${[...known].join(', ')}`;
  throw new CniError(CNI_CODE.unsupportedField, `no plugin of the network has the capability ${unknown.join(', ')}`, {
    details: there,
    hint: `"capabilities": {"${unknown[0] ?? ''}": true} beside the plugin of ${name} that takes it`,
  });
}

/**
 * The spec forbids a second ADD; here it would also be harmful: it fails, and the DEL after that takes the interface of
 * the first.
 */
function checkNew({ cache, program }: Cni, network: string, attachment: Attachment): void {
  const { containerId, ifName, netns } = attachment;
  const refuse = (msg: string, other: CachedAttachment) => {
    // In the namespace that the cache knows: the one that is given now need not be it.
    const words = [other.network, other.containerId, ...(other.netns === '' ? [netns] : []), `--ifname=${ifName}`];
    throw new CniError(CNI_CODE.badEnvironment, msg, {
      hint: `to take that off first: ${program} cni del ${words.map(shellWord).join(' ')}`,
    });
  };
  for (const other of cache.list()) {
    if (other.ifName !== ifName) continue;
    if (other.network === network && other.containerId === containerId) refuse('it is there already', other);
    if (other.netns === netns && netns !== '') {
      refuse(`${ifName} in ${netns} is that of ${other.containerId} on network ${other.network}`, other);
    }
  }
  if (cache.isFree(network, attachment)) return;
  throw new CniError(CNI_CODE.badEnvironment, 'its name in the cache is that of another attachment', {
    hint: 'the names of network, container and interface, joined by -, must be unique; choose another container id',
  });
}

/** 2. */
function remember({ cache }: Cni, list: NetworkList, attachment: Attachment, result: WrittenResult | undefined): void {
  cache.write({ ...attachment, network: list.name, config: list.source, result: result && { ...result } });
}

/** 3. */
async function addPlugins(
  cni: Cni,
  list: NetworkList,
  version: CniVersion,
  attachment: Attachment,
  act: string,
): Promise<WrittenResult> {
  let result: WrittenResult | undefined;
  const begun: PluginConf[] = [];
  try {
    for (const plugin of list.plugins) {
      begun.push(plugin);
      const request = composeRequestFor(list.name, version, plugin, attachment, result);
      const answer = await callPlugin(cni, 'ADD', plugin, request, act, attachment);
      result = readAnswer(answer, version, `${act} failed on plugin ${plugin.type}`);
      remember(cni, list, attachment, result);
    }
    cni.interruption?.throwIfAborted();
  } catch (cause) {
    // Its DEL would be refused as well, and stand for something that is left.
    if (cause instanceof CniError && cause.refused) begun.pop();
    const left = await deletePlugins(cni, { ...list, plugins: begun }, version, attachment, result);
    if (left.length === 0) left.push(...(await failureOf(() => cni.cache.remove(list.name, attachment))));
    for (const error of left) cni.warn(error.message);
    throw cause;
  }
  return result ?? { cniVersion: version };
}

/** Always in the version of the list: the next plugin would refuse a previous result of another one. */
function readAnswer(answer: string, version: CniVersion, context: string): WrittenResult {
  try {
    return writeResult(parseResult(answer, version), version);
  } catch (cause) {
    throw cause instanceof CniError ? cause.during(context) : cause;
  }
}
