/**
 * ADD: put a container on a network.
 *
 * The order, which makes that nothing is lost whatever ends us:
 *   1. look at everything that can be wrong before anything is done, the container's interfaces among it: what has the name
 *      already is somebody else's, and DEL would delete it
 *   2. cache the attachment as unfinished: `gc` finds it after a crash
 *   3. plugin by plugin: ADD with the result so far, and cache the new one, which DEL needs to find all that was made
 *   4. open the ports of the host that are to lead to it
 *   5. cache it as finished, with the interface that it has by now
 * On a failure, and when it is interrupted: DEL of the plugins that ran, last first; the failed one is one of them, as it
 * may have done half of it. If all of them succeed, the attachment is forgotten, else it stays in the cache for a later
 * `add`, `del` or `gc`. So it does when it made a bridge, which can only be removed while no other ADD is at work: the caller
 * sees to that.
 *
 * One call at a time for a container, and none during `gc`: the spec leaves that to the runtime, and we to the caller.
 * libcni undoes nothing and leaves it to its caller; the spec wants a DEL after every failed ADD.
 *
 * @see SPEC.md section 3, https://github.com/containernetworking/cni/blob/main/SPEC.md#adding-an-attachment
 * @see AddNetworkList, https://github.com/containernetworking/cni/blob/main/libcni/api.go
 */

import { shellWord } from '../exec/shell-word.js';
import { formatArgs } from './args.js';
import { bridgesBefore, keepBridgeMacs, madeBridges } from './bridges.js';
import type { CachedAttachment } from './cache.js';
import { agreeOnVersion, callPlugin, type Cni, failureOf } from './chain.js';
import { composeRequestFor, PORT_MAPPINGS, type Attachment } from './compose.js';
import { writeResult, type WrittenResult } from './convert.js';
import { undoPlugins } from './del.js';
import { CNI_CODE, CniError } from './error.js';
import { findPlugin } from './find-plugin.js';
import type { LinkIdentity } from './links.js';
import { checkContainerId, checkIfName, checkNetnsPath, checkNetworkName } from './names.js';
import type { NetworkList, PluginConf } from './network-conf.js';
import { LOOPBACK } from './place.js';
import { parseResult, readResult } from './result.js';
import type { CniVersion } from './version.js';

/**
 * Add the attachment to the network.
 *
 * @param publish - opens its ports, once it has its addresses.
 * @returns the result of the last plugin, in the version that was agreed on.
 * @throws CniError with the code, msg and details of the plugin that failed, or our own; nothing is left then, but for
 *   what `warn` was told of.
 */
export async function addNetwork(
  cni: Cni,
  list: NetworkList,
  attachment: Attachment,
  publish: (addresses: readonly string[]) => Promise<void> = () => Promise.resolve(),
): Promise<WrittenResult> {
  const act = `adding ${attachment.ifName} of ${attachment.containerId} to network ${list.name}`;
  try {
    check(cni, list, attachment);
    const version = await agreeOnVersion(cni, list);
    const [bridges] = await Promise.all([bridgesBefore(cni, list.plugins), checkInterface(cni, list, attachment)]);
    const inode = cni.netnsInode(attachment.netns);
    const begun: CachedAttachment = {
      ...attachment,
      network: list.name,
      config: list.source,
      result: undefined,
      inode,
    };
    return await addPlugins(cni, list, version, { ...begun, unfinished: { bridges } }, act, publish);
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
  // Ports are ours to open, with a plugin for them or without.
  const unknown = Object.keys(capabilityArgs).filter(
    (key) => key !== PORT_MAPPINGS && !known.has(key) && !asksForNothing(capabilityArgs[key]),
  );
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
  const refuse = (msg: string, other: CachedAttachment): never => {
    // In the namespace that the cache knows: the one that is given now need not be it.
    const where = other.netns === '' ? [netns] : [];
    const words = [other.network, other.containerId, ...where, `--ifname=${other.ifName}`];
    throw new CniError(CNI_CODE.badEnvironment, msg, {
      hint: `to take that off first: ${program} cni del ${words.map(shellWord).join(' ')}`,
    });
  };
  for (const other of cache.list()) {
    if (other.network === network && other.containerId === containerId) {
      // Plugins name what they make outside of the container by these two (utils.FormatChainName): a second interface would
      // share it with the first, and lose it with that.
      refuse(
        other.ifName === ifName ? 'it is there already' : `it is on that network by ${other.ifName} already`,
        other,
      );
    }
    if (other.ifName === ifName && other.netns === netns && netns !== '') {
      refuse(`${ifName} in ${netns} is that of ${other.containerId} on network ${other.network}`, other);
    }
  }
  if (cache.isFree(network, attachment)) return;
  throw new CniError(CNI_CODE.badEnvironment, 'its name in the cache is that of another attachment', {
    hint: 'the names of network, container and interface, joined by -, must be unique; choose another container id',
  });
}

/** 1. What is in the container, only a process inside can tell. */
async function checkInterface(cni: Cni, { plugins }: NetworkList, { ifName, netns }: Attachment): Promise<void> {
  // That plugin makes none, and brings it up.
  if (ifName === LOOPBACK && plugins[0]?.type === 'loopback') return;
  const links = await cni.links(netns);
  if (!links.some(({ name }) => name === ifName)) return;
  throw new CniError(CNI_CODE.badEnvironment, `there is an interface ${ifName} in ${netns} already`, {
    hint: 'rnetns cni has not made it, and leaves it as it is; give another name: --ifname NAME, or NETWORK:NAME for oci-hook',
  });
}

/** 2 to 5. */
async function addPlugins(
  cni: Cni,
  list: NetworkList,
  version: CniVersion,
  attachment: CachedAttachment,
  act: string,
  publish: (addresses: readonly string[]) => Promise<void>,
): Promise<WrittenResult> {
  let result: WrittenResult | undefined;
  const begun: PluginConf[] = [];
  const remember = (more: Partial<CachedAttachment> = {}) =>
    cni.cache.write({ ...attachment, result: result && { ...result }, ...more });
  remember();
  try {
    for (const plugin of list.plugins) {
      begun.push(plugin);
      const request = composeRequestFor(list.name, version, plugin, attachment, result);
      const answer = await callPlugin(cni, 'ADD', plugin, request, act, attachment);
      result = readAnswer(answer, version, `${act} failed on plugin ${plugin.type}`);
      remember();
    }
    cni.interruption?.throwIfAborted();
    await publish(addressesOf(result, version));
    const link = await interfaceOf(cni, attachment);
    cni.interruption?.throwIfAborted();
    remember({ unfinished: undefined, link });
  } catch (cause) {
    // Its DEL would be refused as well, and stand for something that is left.
    if (cause instanceof CniError && cause.refused) begun.pop();
    await cni.closePorts(list.name, attachment);
    // Without it, all else can be undone as well.
    await failureOf(() => keepBridgeMacs(cni, begun));
    const left = await undoPlugins(cni, list.name, begun, version, attachment, result);
    if (left.length === 0) left.push(...(await failureOf(forget)));
    for (const error of left) cni.warn(error.message);
    throw cause;
  }
  return result ?? { cniVersion: version };

  /** But for a bridge, all is undone. */
  async function forget(): Promise<void> {
    const { unfinished } = attachment;
    const made = await madeBridges(cni, list.plugins, { result: result && { ...result }, unfinished });
    if (made.length === 0) cni.cache.remove(list.name, attachment);
    else remember({ unfinished: { ...unfinished, undone: true } });
  }
}

/** 4. Those in the container, which the result tells apart from others by their interface; one of before 0.3.0 has no other ones. */
function addressesOf(result: WrittenResult | undefined, version: CniVersion): string[] {
  const { interfaces, ips } = readResult(result ?? {}, version);
  return ips
    .filter(({ interface: index }) => index === undefined || interfaces[index]?.sandbox !== undefined)
    .map(({ address }) => address.replace(/\/.*$/, ''));
}

/** 5. Not every plugin makes one of that name. */
async function interfaceOf(cni: Cni, { ifName, netns }: Attachment): Promise<LinkIdentity | undefined> {
  const link = (await cni.links(netns)).find(({ name }) => name === ifName);
  return link && { index: link.index, peerIndex: link.peerIndex, mac: link.mac };
}

/** Always in the version of the list: the next plugin would refuse a previous result of another one. */
function readAnswer(answer: string, version: CniVersion, context: string): WrittenResult {
  try {
    return writeResult(parseResult(answer, version), version);
  } catch (cause) {
    throw cause instanceof CniError ? cause.during(context) : cause;
  }
}
