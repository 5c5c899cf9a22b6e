/**
 * What libcni remembers of each attachment, in its files: `CACHE/results/NETWORK-CONTAINERID-IFNAME`.
 *
 * DEL and CHECK are done with what ADD was done with: configuration, arguments, result. The files are libcni's, so that
 * podman or cnitool on the same directory see our attachments and we theirs. Ours are written whole or not at all.
 *
 * The key `rnetns` in a file is ours, and left alone by libcni: whether ADD has come to its end, and which interface it made.
 *
 * The name alone doesn't say whose a file is: `a` and `b-c` make the same as `a-b` and `c`. The fields in it do.
 *
 * @see cachedInfo, https://github.com/containernetworking/cni/blob/main/libcni/api.go
 */

import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errnoCode, errnoReason } from '../config/errno.js';
import { RnetnsError } from '../errors/error.js';
import { makeDirectory, writeAtomic } from '../state/files.js';
import type { ArgPair } from './args.js';
import type { Attachment, AttachmentId } from './compose.js';
import { CNI_CODE, CniError } from './error.js';
import { type LinkIdentity, parseIdentity } from './links.js';
import { isObject, isStrings, type JsonObject } from '../state/json.js';

const KIND = 'cniCacheV1';

export interface CachedAttachment extends Attachment {
  readonly network: string;
  /** Inode of the network namespace; undefined in what libcni has written. */
  readonly inode?: number | undefined;
  /** Text of the network list; empty in a file of before libcni 0.8, which holds a result and nothing else. */
  readonly config: string;
  /** JSON of the result of the last plugin that has answered; undefined when ADD was interrupted before. */
  readonly result: JsonObject | undefined;
  /** There while ADD is at work, and for ever when it was killed, or has failed and could not be undone. */
  readonly unfinished?: Unfinished | undefined;
  /** The container's interface, as ADD left it. */
  readonly link?: LinkIdentity | undefined;
}

export interface Unfinished {
  /** The bridges that were there before; undefined where nobody knows. */
  readonly bridges?: readonly string[] | undefined;
  /** All plugins have undone their part, and just a bridge is left. */
  readonly undone?: boolean;
}

export class AttachmentCache {
  private readonly directory: string;

  /** @param directory - such as `/var/lib/cni`; `results` in it is made when it is needed. */
  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * @returns undefined: nothing is known, or the file of that name is another attachment's.
   * @throws CniError decoding: the file is damaged; io: it can't be read.
   */
  read(network: string, { containerId, ifName }: AttachmentId): CachedAttachment | undefined {
    const file = this.file(network, { containerId, ifName });
    const text = readText(file);
    if (text === undefined) return undefined;
    const cached = parseCached(text);
    if (cached === undefined) throw new CniError(CNI_CODE.decoding, `the cached attachment ${file} is damaged`);
    if (cached.kind === 'result') {
      const nothing = { netns: '', args: [], capabilityArgs: {}, config: '' };
      return { network, containerId, ifName, ...nothing, result: cached.result };
    }
    return isSame(cached.attachment, { network, containerId, ifName }) ? cached.attachment : undefined;
  }

  /**
   * The same, but a damaged file is an attachment as well: it tells that something was attached, and nothing else.
   *
   * @param given - what is known of it then.
   * @param warn - told of that.
   */
  find(
    network: string,
    given: Attachment,
    warn: (message: string) => void = () => undefined,
  ): CachedAttachment | undefined {
    try {
      return this.read(network, given);
    } catch (cause) {
      if (!(cause instanceof CniError)) throw cause;
      warn(cause.message);
      return { ...given, network, config: '', result: undefined, unfinished: {} };
    }
  }

  /** @throws CniError io */
  write(attachment: CachedAttachment): void {
    const file = this.file(attachment.network, attachment);
    try {
      makeDirectory(join(this.directory, 'results'));
      // Not in `results`: all that is there counts as an attachment, and a crash may leave it.
      writeAtomic(file, formatCached(attachment), `${file.replace(/\/results\/([^/]*)$/, '/.$1')}.${process.pid}.tmp`);
    } catch (cause) {
      const hint = cause instanceof RnetnsError ? cause.hint : undefined;
      throw new CniError(CNI_CODE.io, `cannot cache the attachment: ${errnoReason(cause)}`, { hint, cause });
    }
  }

  /** Another attachment's file of that name stays. @throws CniError io */
  remove(network: string, id: AttachmentId): void {
    const file = this.file(network, id);
    if (!this.isFree(network, id)) return;
    try {
      rmSync(file, { force: true });
    } catch (cause) {
      throw new CniError(CNI_CODE.io, `cannot remove the cached attachment ${file}: ${errnoReason(cause)}`, { cause });
    }
  }

  /** Is the file of this attachment its own, damaged, or not there: anything but another attachment's? */
  isFree(network: string, id: AttachmentId): boolean {
    const cached = parseCached(readText(this.file(network, id)) ?? '');
    return cached?.kind !== 'attachment' || isSame(cached.attachment, { ...id, network });
  }

  /** All attachments, by file name; what can't be read or isn't one is left out, as by GetCachedAttachments. */
  list(): CachedAttachment[] {
    let names: string[];
    try {
      names = readdirSync(join(this.directory, 'results')).sort();
    } catch (cause) {
      if (errnoCode(cause) === 'ENOENT') return [];
      throw new CniError(CNI_CODE.io, `cannot list ${this.directory}/results: ${errnoReason(cause)}`, { cause });
    }
    return names.flatMap((name) => {
      try {
        const cached = parseCached(readText(join(this.directory, 'results', name)) ?? '');
        return cached?.kind === 'attachment' ? [cached.attachment] : [];
      } catch {
        return [];
      }
    });
  }

  private file(network: string, { containerId, ifName }: AttachmentId): string {
    return join(this.directory, 'results', `${network}-${containerId}-${ifName}`);
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (errnoCode(cause) === 'ENOENT') return undefined;
    throw new CniError(CNI_CODE.io, `cannot read the cached attachment ${file}: ${errnoReason(cause)}`, { cause });
  }
}

function isSame(a: AttachmentId & { network: string }, b: AttachmentId & { network: string }): boolean {
  return a.network === b.network && a.containerId === b.containerId && a.ifName === b.ifName;
}

/** On one line, with the keys in libcni's order, and those that are empty left out. */
function formatCached(attachment: CachedAttachment): string {
  const { containerId, config, ifName, network, netns, args, capabilityArgs, result, unfinished, link, inode } =
    attachment;
  return JSON.stringify({
    kind: KIND,
    containerId,
    config: Buffer.from(config).toString('base64'),
    ifName,
    networkName: network,
    ...(netns === '' ? {} : { netns }),
    ...(args.length === 0 ? {} : { cniArgs: args }),
    ...(Object.keys(capabilityArgs).length === 0 ? {} : { capabilityArgs }),
    ...(result === undefined ? {} : { result }),
    ...(unfinished === undefined && link === undefined && inode === undefined
      ? {}
      : { rnetns: { unfinished, link, inode } }),
  });
}

/** A file of libcni's; an object of another kind, or of none, is a bare result, as before 0.8. Undefined: damaged. */
export function parseCached(
  text: string,
): { kind: 'attachment'; attachment: CachedAttachment } | { kind: 'result'; result: JsonObject } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  if (value.kind !== KIND) return { kind: 'result', result: value };
  const { containerId, config = '', ifName, networkName: network, netns = '', cniArgs, capabilityArgs, result } = value;
  const isText = (field: unknown): field is string => typeof field === 'string';
  if (!isText(containerId) || !isText(ifName) || !isText(network) || !isText(netns) || !isText(config))
    return undefined;
  if ([containerId, ifName, network].includes('')) return undefined;
  const args = cniArgs ?? [];
  if (!Array.isArray(args) || !args.every(isArgPair)) return undefined;
  const [capabilities, answer] = [capabilityArgs ?? {}, result ?? undefined];
  if (!isObject(capabilities) || (answer !== undefined && !isObject(answer))) return undefined;
  const attachment = {
    network,
    containerId,
    ifName,
    netns,
    args,
    capabilityArgs: capabilities,
    config: Buffer.from(config, 'base64').toString(),
    result: answer,
    ...parseOwn(value.rnetns),
  };
  return { kind: 'attachment', attachment };
}

/** What is wrong in it is left out: of an attachment of libcni's it isn't there either. */
function parseOwn(value: unknown): Pick<CachedAttachment, 'unfinished' | 'link' | 'inode'> {
  if (!isObject(value)) return {};
  const link = parseIdentity(value.link);
  return {
    ...(isObject(value.unfinished) ? { unfinished: parseUnfinished(value.unfinished) } : {}),
    ...(link === undefined ? {} : { link }),
    ...(typeof value.inode === 'number' ? { inode: value.inode } : {}),
  };
}

function parseUnfinished({ bridges, undone }: JsonObject): Unfinished {
  return { ...(isStrings(bridges) ? { bridges } : {}), ...(undone === true ? { undone } : {}) };
}

function isArgPair(value: unknown): value is ArgPair {
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string');
}
