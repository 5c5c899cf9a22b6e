/**
 * Bridges that a failed ADD leaves in the shared namespace. One whose only port has gone has the address
 * 00:00:00:00:00:00, with which the plugin can't use it any more, and one made from a wrong list has a wrong gateway: every
 * later ADD fails on either.
 *
 * @see br_stp_recalculate_bridge_id, https://github.com/torvalds/linux/blob/v6.12/net/bridge/br_stp_if.c
 */

import type { CachedAttachment } from './cache.js';
import type { Cni } from './chain.js';
import type { Link } from './links.js';
import { structField } from './json.js';
import type { PluginConf } from './network-conf.js';
import { isObject, type JsonObject } from '../state/json.js';

/** What the plugin of type bridge takes without a name. */
const DEFAULT_BRIDGE = 'cni0';

const NO_MAC = '00:00:00:00:00:00';

/**
 * The bridges of the shared namespace, before ADD makes one. Those of the list are made fit for it: the plugin sets a bridge's own
 * address once more, so that it stays, and fails on that of a bridge which others have left without ports.
 *
 * @throws CniError
 */
export async function bridgesBefore(cni: Cni, plugins: readonly PluginConf[]): Promise<string[]> {
  const bridges = await bridgesOf(cni);
  const named = new Set(plugins.flatMap(bridgeOf));
  for (const { name, mac } of bridges) {
    if (named.has(name) && mac === NO_MAC) await cni.setMac(name, randomMac());
  }
  return bridges.map(({ name }) => name);
}

/**
 * Before an ADD that failed is undone: an address that was set stays when the last port goes, and another ADD on the same bridge,
 * which has read it and not set it yet, doesn't fail on none.
 *
 * @throws CniError
 */
export async function keepBridgeMacs(cni: Cni, plugins: readonly PluginConf[]): Promise<void> {
  const named = new Set(plugins.flatMap(bridgeOf));
  if (named.size === 0) return;
  for (const { name, mac } of await bridgesOf(cni)) {
    if (named.has(name)) await cni.setMac(name, mac === NO_MAC ? randomMac() : mac);
  }
}

async function bridgesOf(cni: Cni): Promise<Link[]> {
  return (await cni.links()).filter(({ kind }) => kind === 'bridge');
}

/** One that nobody's hardware has: locally administered, unicast (IEEE 802). */
function randomMac(): string {
  return `02${Array.from(
    { length: 5 },
    () =>
      `:${Math.floor(Math.random() * 256)
        .toString(16)
        .padStart(2, '0')}`,
  ).join('')}`;
}

/**
 * The bridges that this ADD made and nobody uses: they weren't there before, the list names them, no port is left, and
 * nobody else's attachment has them in its result.
 */
export async function madeBridges(
  cni: Cni,
  plugins: readonly PluginConf[],
  { result, unfinished }: Pick<CachedAttachment, 'result' | 'unfinished'>,
): Promise<string[]> {
  // Of an attachment of libcni's, or a damaged one, nobody knows what was there before.
  if (unfinished?.bridges === undefined) return [];
  const before = new Set(unfinished.bridges);
  const named = new Set([...plugins.flatMap(bridgeOf), ...bridgesIn(result)]);
  const used = new Set(cni.cache.list().flatMap((other) => (other.unfinished ? [] : bridgesIn(other.result))));
  const links = await cni.links();
  const ports = new Set(links.map(({ master }) => master));
  return links
    .filter(({ name, kind }) => kind === 'bridge' && named.has(name) && !before.has(name))
    .filter(({ name }) => !ports.has(name) && !used.has(name))
    .map(({ name }) => name);
}

/** Remove them; no other ADD may be at work, for it may be about to use one. @throws CniError */
export async function removeMadeBridges(...made: Parameters<typeof madeBridges>): Promise<void> {
  const [cni] = made;
  for (const name of await madeBridges(...made)) await cni.deleteLink(name);
}

function bridgeOf({ type, config }: PluginConf): string[] {
  const name = structField(config, 'bridge');
  if (typeof name === 'string' && name !== '') return [name];
  return type === 'bridge' ? [DEFAULT_BRIDGE] : [];
}

/** Interfaces on our side: all but the container's, which have a sandbox. */
function bridgesIn(result: JsonObject | undefined): string[] {
  const interfaces = Array.isArray(result?.interfaces) ? (result.interfaces as unknown[]) : [];
  return interfaces.flatMap((entry) =>
    isObject(entry) && typeof entry.name === 'string' && (entry.sandbox ?? '') === '' ? [entry.name] : [],
  );
}
