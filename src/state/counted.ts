import { join } from 'node:path';
import { isObject } from './json.js';
import type { StateDirectory } from './directory.js';
import { makeDirectory, readOptional, writeAtomic } from './files.js';
import { countOf } from './references.js';

/**
 * Which networks of a container its reference counts: `counted/ID`, as JSON, written with the lock of the container.
 *
 * CNI, netavark and whoever calls `rnetns setup --id` share one reference; each takes back only what it has counted. The
 * reference is changed by the launcher, after what is done for the network: so an entry is written before that, with the
 * count that decides. That makes both orders of a crash readable, without a second write.
 */
export interface CountedNetwork {
  by: 'cni' | 'netavark';
  /** CNI's name of the network; netavark's id. */
  network: string;
  ifName: string;
}

interface Entry extends CountedNetwork {
  /** It counts once the reference counts this much. */
  from?: number;
  /** It counts no more once the reference counts just this much. */
  until?: number;
}

/** What the launcher is to do, and what to note before it does. */
export interface CountChange {
  /** `run`: nothing is to be counted or dropped. */
  verb: 'setup' | 'teardown' | 'beside';
  options: readonly string[];
  /** To be called when the state is there, and what is done for the networks has succeeded. */
  note: () => void;
}

const NO_CHANGE: CountChange = { verb: 'beside', options: [], note: () => undefined };

export interface Counted {
  /** What the reference of the container counts in all; 0 without one. */
  total: number;
  networks: CountedNetwork[];
}

/**
 * @param known - networks of the container that are counted by a version that kept no such file.
 */
export function readCounted(
  state: StateDirectory,
  containerId: string,
  known: () => CountedNetwork[] = () => [],
): Counted {
  const total = countOf(state, containerId);
  if (total === 0) return { total, networks: [] };
  const networks = parse(readOptional(fileOf(state, containerId)))
    ?.filter(({ from = 0, until = -1 }) => total >= from && total > until)
    .map(({ by, network, ifName }) => ({ by, network, ifName }));
  return { total, networks: networks ?? known() };
}

/** Is it one of these? */
export function isCounted(networks: readonly CountedNetwork[], one: CountedNetwork): boolean {
  return networks.some((other) => isSame(other, one));
}

/** Count these, which are about to be set up, beside what is counted. */
export function countMore(
  state: StateDirectory,
  containerId: string,
  more: readonly CountedNetwork[],
  counted: Counted,
): CountChange {
  const kept = counted.networks.filter((one) => !isCounted(more, one));
  const again = counted.networks.length - kept.length;
  const total = Math.max(counted.total - again, kept.length) + more.length;
  if (more.length === 0) return NO_CHANGE;
  return {
    verb: 'setup',
    options: ['--id', containerId, '--nets', String(total)],
    note: () => write(state, containerId, [...kept, ...more.map((one) => ({ ...one, from: total }))]),
  };
}

/** Drop those of these that are counted, and nothing of others. */
export function countLess(
  state: StateDirectory,
  containerId: string,
  less: readonly CountedNetwork[],
  counted: Counted,
): CountChange {
  const kept = counted.networks.filter((one) => !isCounted(less, one));
  const dropped = counted.networks.filter((one) => isCounted(less, one));
  if (dropped.length === 0) return NO_CHANGE;
  // Never below what is left: somebody may have set the id up anew by hand, with another number.
  const total = Math.max(counted.total - dropped.length, kept.length);
  return {
    ...(total === 0
      ? { verb: 'teardown', options: ['--id', containerId] }
      : { verb: 'setup', options: ['--id', containerId, '--nets', String(total)] }),
    note: () => write(state, containerId, [...kept, ...dropped.map((one) => ({ ...one, until: total }))]),
  };
}

function write(state: StateDirectory, containerId: string, entries: readonly Entry[]): void {
  makeDirectory(state.counted);
  writeAtomic(fileOf(state, containerId), JSON.stringify(entries));
}

function parse(text: string | undefined): Entry[] | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.filter(isEntry) : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is Entry {
  if (!isObject(value)) return false;
  const { by, network, ifName, from = 0, until = 0 } = value;
  return (
    (by === 'cni' || by === 'netavark') &&
    [network, ifName].every((text) => typeof text === 'string') &&
    [from, until].every((number) => typeof number === 'number')
  );
}

/** netavark has a container on a network once, CNI once for each interface. */
function isSame(a: CountedNetwork, b: CountedNetwork): boolean {
  return a.by === b.by && a.network === b.network && (a.by === 'netavark' || a.ifName === b.ifName);
}

function fileOf(state: StateDirectory, containerId: string): string {
  return join(state.counted, containerId);
}
