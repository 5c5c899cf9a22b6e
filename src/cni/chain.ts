/**
 * What the verbs over a list have in common: the version to speak, a call with a context, several failures as one.
 *
 * How the folder fits together: load.ts and network-conf.ts make a NetworkList of files; add, del, check, gc, status and
 * validate are the verbs over one; each call of a plugin is composed by compose.ts, run by invoke.ts through the caller's
 * runner, and what it answers is read by result.ts and written for the next one by convert.ts; cache.ts remembers.
 */

import type { AttachmentCache } from './cache.js';
import { chooseVersion } from './choose-version.js';
import type { Attachment, AttachmentId, Verb } from './compose.js';
import { CniError } from './error.js';
import { findPlugin } from './find-plugin.js';
import { invokePlugin, type Runtime } from './invoke.js';
import type { Link } from './links.js';
import type { NetworkList, PluginConf } from './network-conf.js';
import { pluginVersions } from './plugin-versions.js';
import type { CniVersion } from './version.js';

/** All that the verbs need to know of the world. */
export interface Cni extends Runtime {
  readonly cache: AttachmentCache;
  /** @throws CniError badNetns: plugins couldn't put a container there, or would put it on the wrong side. */
  readonly checkNetns: (path: string) => void;
  /**
   * The interfaces of a network namespace, by its path as plugins see it; without one, of the shared namespace.
   *
   * @throws CniError badNetns: it isn't there, or can't be entered.
   */
  readonly links: (netns?: string) => Promise<readonly Link[]>;
  /** Give one of the shared namespace another address. @throws CniError io */
  readonly setMac: (name: string, mac: string) => Promise<void>;
  /** Delete one. @throws CniError io */
  readonly deleteLink: (name: string, netns?: string) => Promise<void>;
  /** Close the ports of the host that lead to an attachment. */
  readonly closePorts: (network: string, attachment: AttachmentId) => Promise<void>;
  /** Whose file is at a path; undefined for none: paths are reused, and differ between mount namespaces. */
  readonly netnsInode: (path: string) => number | undefined;
  /** How a user calls rnetns for this shared namespace, for hints: `rnetns --name lab`. */
  readonly program: string;
}

/**
 * The version to use with every plugin of the list. They are asked only when there is a choice: else a plugin refuses
 * by itself, and an ADD costs no process more.
 *
 * @param tolerant - leave out plugins that can't be asked: they will fail by themselves, and must not stop the others.
 * @throws CniError incompatibleVersion; unless tolerant, also why a plugin can't be asked.
 */
export async function agreeOnVersion(cni: Cni, list: NetworkList, tolerant = false): Promise<CniVersion> {
  if (list.versions.length === 1) return chooseVersion(list.versions, []);
  const answers = await Promise.allSettled(
    list.plugins.map(async ({ type }) => ({
      type,
      versions: await pluginVersions(cni, type, findPlugin(type, cni.pluginDirs)),
    })),
  );
  const known = answers.flatMap((answer) => {
    if (answer.status === 'fulfilled') return [answer.value];
    if (!tolerant) throw answer.reason;
    return [];
  });
  return chooseVersion(list.versions, known);
}

/** Find and call one plugin. @throws CniError that names the act and the plugin. */
export async function callPlugin(
  cni: Cni,
  verb: Verb,
  { type }: PluginConf,
  input: string,
  act: string,
  attachment?: Attachment,
): Promise<string> {
  try {
    const file = findPlugin(type, cni.pluginDirs);
    return await invokePlugin(cni, { verb, type, file, input, ...(attachment === undefined ? {} : { attachment }) });
  } catch (cause) {
    throw cause instanceof CniError ? cause.during(`${act} failed on plugin ${type}`) : cause;
  }
}

/** Run `act` and give back its failure. Anything but a CniError is a bug, and goes on. */
export async function failureOf(act: () => unknown): Promise<CniError[]> {
  try {
    await act();
    return [];
  } catch (cause) {
    if (cause instanceof CniError) return [cause];
    throw cause;
  }
}

/** All of them as one, with code and text of the first. @throws CniError unless there is none. */
export function throwAll(errors: readonly CniError[]): void {
  const [first, ...others] = errors;
  if (first === undefined) return;
  if (others.length === 0) throw first;
  const details = [first.details, ...others.map(({ message }) => message)].filter((text) => text !== '').join('; ');
  const { cniCode, msg, context, hint } = first;
  throw new CniError(cniCode, msg, { details, context, hint, cause: new AggregateError(errors, first.message) });
}
