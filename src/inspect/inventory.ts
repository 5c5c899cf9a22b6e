import { join } from 'node:path';
import { processEnvironment } from '../config/environment.js';
import { RnetnsError } from '../errors/error.js';
import { findProgram, searchPath } from '../exec/find-program.js';
import { findComponents, wayToM0 } from '../namespace/components.js';
import type { Target } from '../namespace/enter.js';
import { isInside } from '../namespace/inside.js';
import { findSurvivor, onlyLooks } from '../namespace/members.js';
import { statStateDirectory, type StateDirectory } from '../state/directory.js';
import { holdsLease } from '../state/lease.js';
import { readOptional } from '../state/files.js';
import { readLive, type Live } from '../state/live.js';
import { isAlive, namespaceInode, type ProcessId } from '../state/process.js';
import { readRecord } from '../state/record.js';
import { byNumber } from '../text/by-number.js';
import { countInventory } from './counts.js';
import { readContainerIds, type ContainerIds } from './container-ids.js';
import { findMountedPlaces, findPlaces, inodeOf, type Place } from './places.js';
import { readProcess, seenProcesses, type SeenProcess } from './processes.js';
import { monotonicMs, shareAnswer } from './shared-answer.js';
import { surveyContainers, type Attached } from './survey.js';

/** A process in the shared network namespace, or in that of a container or of `rnetns netns`. */
export interface ProcessEntry {
  pid: number;
  /** Its effective uid, as the caller sees it. */
  uid: number;
  /** Its arguments; may hold anything. Only its name in the kernel when it has none. */
  command: string[];
  /** When it was started, ISO 8601. */
  started: string;
  /** Does it hold the namespace by a lease? */
  lease: boolean;
  /** null: the shared one itself; else as in {@link ContainerLink}. */
  netns: string | null;
  /** Of a process in a container: what that one has on the bridges. */
  interfaces?: string[];
}

/** A container's interface on a bridge in the shared network namespace. A container on two has two of these. */
export interface ContainerLink {
  /** Its name in `rnetns netns`, else a path of it: `/proc/PID/ns/net`, or where a command has it mounted. */
  netns: string;
  /** Of its network namespace (namespaces(7)). */
  inode: number;
  /** The first process in it, if there is any. */
  pid: number | null;
  /** By which its runtime knows it, where `rnetns cni` or `rnetns netavark` has put it on the bridge. */
  id: string | null;
  bridge: string;
  /** The veth's end on the bridge. */
  hostInterface: string;
  /** Its end inside. */
  interface: string;
  /** Of the end inside. */
  mac: string;
  ipv4: string[];
  /** Without link-local ones. */
  ipv6: string[];
  /** Both. */
  addresses: string[];
  /** Of the end inside. */
  state: 'up' | 'down';
}

/** Who is in the shared network namespace, and on its bridges. */
export interface Inventory {
  processes: ProcessEntry[];
  containers: ContainerLink[];
}

/**
 * Never waits for the lock, and never makes anything but short-lived processes.
 *
 * @param asked - the answer is no older than this, by {@link monotonicMs}.
 * @returns undefined when the namespace is down.
 * @throws RnetnsError ERR_PROGRAM_MISSING, ERR_NETNS
 */
export async function readInventory(state: StateDirectory, asked = monotonicMs()): Promise<Inventory | undefined> {
  const found = findShared(state);
  if (found === undefined) return undefined;
  const { live, root, shared } = found;
  const { generation } = live;
  const way = wayToMounts(state, live);
  const seen = seenProcesses();
  const places = findPlaces(state, root, shared, seen);
  const env = environment();
  try {
    const containers = await shareAnswer(state.seen, generation, asked, env, async () => {
      if (way === undefined) return [];
      const pathOf = new Map([...places.values()].map((place) => [place.path, place]));
      const inside = { way, netns: root + state.netns, fifo: state.keeperFifo(generation), env };
      const attached = await surveyContainers(inside, [...pathOf.keys()], () => {
        const more = findMountedPlaces(places, seen);
        for (const place of more) pathOf.set(place.path, place);
        return more.map(({ path }) => path);
      });
      const ids = readContainerIds(state);
      return attached
        .flatMap((pair) => describeContainer(pair, pathOf.get(pair.netns), ids, state))
        .sort((a, b) => byNumber(a.bridge, b.bridge) || byNumber(a.netns, b.netns));
    });
    const members = withoutOurs(state, live, seen);
    return { processes: describeProcesses(state, generation, members, shared, places, containers), containers };
  } catch (error) {
    // Its teardown ends who is inside, us included.
    if (readLive(state)?.generation !== generation) return undefined;
    throw error;
  }
}

/**
 * What {@link readInventory} lists, counted; null where it can't look. Looking into containers takes a process each, so
 * that is left out where there can be none: each has a bridge and a veth beside the loopback.
 */
export async function countUsers(
  state: StateDirectory,
): Promise<{ processes: number | null; containers: number | null }> {
  const found = findShared(state);
  if (found === undefined) return { processes: null, containers: null };
  const { live, entry, shared } = found;
  const processes = withoutOurs(state, live, seenProcesses()).filter(({ netns }) => netns === shared).length;
  const isThere = namespaceInode(entry.pid, 'net') === shared;
  const interfaces = (readOptional(`/proc/${entry.pid}/net/dev`) ?? '').match(/^ *[^ :]+:/gm) ?? [];
  if (isThere && interfaces.length < 3) return { processes, containers: 0 };
  try {
    const inventory = await readInventory(state);
    if (inventory !== undefined) return countInventory(inventory);
  } catch (error) {
    if (!(error instanceof RnetnsError)) throw error;
  }
  return { processes, containers: null };
}

interface Shared {
  live: Live;
  /** In whose mount namespace the names are mounted. */
  entry: ProcessId;
  root: string;
  /** Inode of the shared network namespace. */
  shared: number;
}

function findShared(state: StateDirectory): Shared | undefined {
  if (statStateDirectory(state) === undefined) return undefined;
  const live = readLive(state);
  if (live === undefined) return undefined;
  const entry = [live.keeper, live.supervisor].find(isAlive) ?? findSurvivor(state, readRecord(state));
  if (entry === undefined) return undefined;
  const root = `/proc/${entry.pid}/root`;
  const shared = inodeOf(root + state.netns);
  return shared === undefined ? undefined : { live, entry, root, shared };
}

/** To where the namespaces are mounted on their files: M0, or, for a command that asks, what the keeper has of it. */
function wayToMounts(state: StateDirectory, { keeper }: Live): Target | undefined {
  if (isInside(state)) return isAlive(keeper) ? { pid: keeper.pid, mount: true } : undefined;
  return wayToM0(state, findComponents(state));
}

/** But for the keeper, and for what only looks as we do. */
function withoutOurs(state: StateDirectory, { keeper, generation }: Live, seen: readonly SeenProcess[]): SeenProcess[] {
  const looks = onlyLooks(state, generation);
  return seen.filter(({ pid }) => pid !== keeper.pid && !looks(pid));
}

function describeContainer(
  { host, inside }: Attached,
  place: Place | undefined,
  ids: ContainerIds,
  state: StateDirectory,
): ContainerLink[] {
  if (place === undefined) return [];
  const of = (family: 4 | 6): string[] =>
    inside.addresses
      .filter((address) => address.family === family && !(family === 6 && address.linkLocal))
      .map(({ address }) => address);
  const addresses = [...of(4), ...of(6)];
  const leased = addresses.map((address) => ids.byAddress.get(address)).find((id) => id !== undefined);
  return [
    {
      netns: place.name,
      inode: place.inode,
      pid: place.pid,
      id: ids.byNetns.get(place.named ? join(state.namesSeen, place.name) : place.path) ?? leased ?? null,
      bridge: host.master,
      hostInterface: host.name,
      interface: inside.name,
      mac: inside.mac,
      ipv4: of(4),
      ipv6: of(6),
      addresses,
      state: inside.up ? 'up' : 'down',
    },
  ];
}

function describeProcesses(
  state: StateDirectory,
  generation: string,
  seen: readonly SeenProcess[],
  shared: number,
  places: ReadonlyMap<number, Place>,
  containers: readonly ContainerLink[],
): ProcessEntry[] {
  const interfaces = new Map<number, string[]>();
  for (const link of containers) {
    interfaces.set(link.inode, [...(interfaces.get(link.inode) ?? []), link.interface]);
  }
  // Of a namespace without a name only its place on a bridge tells that it is a container of ours.
  const isShown = ({ netns }: SeenProcess): boolean =>
    netns === shared || interfaces.has(netns) || places.get(netns)?.named === true;
  const shown = seen.filter(isShown);
  const leased = new Set(
    holdsLease(
      state,
      generation,
      shown.map(({ pid }) => pid),
    ),
  );
  return shown.flatMap(({ pid, netns }) => {
    const facts = readProcess(pid);
    if (facts === undefined) return [];
    const names = interfaces.get(netns);
    return {
      pid,
      ...facts,
      lease: leased.has(pid),
      netns: netns === shared ? null : (places.get(netns)?.name ?? null),
      ...(names === undefined ? {} : { interfaces: names }),
    };
  });
}

/** @throws RnetnsError ERR_PROGRAM_MISSING: it would look as if nobody were on the bridges. */
function environment(): Record<string, string> {
  const path = searchPath(processEnvironment().PATH);
  for (const [program, package_] of [
    ['ip', 'iproute2'],
    ['nsenter', 'util-linux'],
    ['unshare', 'util-linux'],
  ] as const) {
    if (findProgram(program, path.split(':')) !== undefined) continue;
    throw new RnetnsError('ERR_PROGRAM_MISSING', `cannot look inside: ${program} was not found in PATH`, {
      hint: `install ${package_} and see that PATH leads to it`,
    });
  }
  return { PATH: path, LC_ALL: 'C.UTF-8' };
}
