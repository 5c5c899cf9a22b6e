import { statSync } from 'node:fs';
import { join } from 'node:path';
import { processEnvironment } from '../config/environment.js';
import { RnetnsError } from '../errors/error.js';
import { findProgram, searchPath } from '../exec/find-program.js';
import { findSurvivor } from '../namespace/members.js';
import { statStateDirectory, type StateDirectory } from '../state/directory.js';
import { holdsLease } from '../state/lease.js';
import { readLive } from '../state/live.js';
import { isAlive } from '../state/process.js';
import { readRecord } from '../state/record.js';
import { namesOf } from '../state/references.js';
import { readProcess, seenProcesses, type SeenProcess } from './processes.js';
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
  /** Its name in `rnetns netns`, or `/proc/PID/ns/net` of a process in it. */
  netns: string;
  /** The oldest process in it, if there is any. */
  pid: number | null;
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
 * @returns undefined when the namespace is down.
 * @throws RnetnsError ERR_PROGRAM_MISSING, ERR_NETNS
 */
export async function readInventory(state: StateDirectory): Promise<Inventory | undefined> {
  if (statStateDirectory(state) === undefined) return undefined;
  const live = readLive(state);
  if (live === undefined) return undefined;
  const entry = [live.keeper, live.holder].find(isAlive) ?? findSurvivor(state, readRecord(state));
  if (entry === undefined) return undefined;
  const root = `/proc/${entry.pid}/root`;
  const shared = inodeOf(root + state.netns);
  if (shared === undefined) return undefined;

  const seen = seenProcesses();
  const places = findPlaces(state, root, shared, seen);
  const attached = await surveyContainers({ pid: entry.pid, netns: root + state.netns, env: environment() }, [
    ...places.keys(),
  ]);
  return {
    processes: describeProcesses(state, live.generation, seen, shared, places, attached).filter(
      ({ pid }) => pid !== live.keeper.pid,
    ),
    containers: attached
      .map((pair) => describeContainer(pair, places.get(pair.netns)))
      .sort((a, b) => byNumber.compare(a.bridge, b.bridge) || byNumber.compare(a.netns, b.netns)),
  };
}

/** web2 before web10. */
const byNumber = new Intl.Collator('en', { numeric: true });

/** A network namespace in which a container may be. */
interface Place {
  inode: number;
  name: string;
  named: boolean;
  pid: number | null;
}

/** By path, each namespace once: named ones, and those that somebody is in. Others' can't be on our bridges. */
function findPlaces(
  state: StateDirectory,
  root: string,
  shared: number,
  seen: readonly SeenProcess[],
): Map<string, Place> {
  const firstIn = new Map<number, number>();
  for (const { pid, netns } of seen) if (!firstIn.has(netns)) firstIn.set(netns, pid);
  const places = new Map<string, Place>();
  const known = new Set([shared]);
  for (const name of namesOf(state)) {
    const path = root + join(state.namesSeen, name);
    const inode = inodeOf(path);
    if (inode === undefined || known.has(inode)) continue;
    known.add(inode);
    places.set(path, { inode, name, named: true, pid: firstIn.get(inode) ?? null });
  }
  for (const [inode, pid] of firstIn) {
    const path = `/proc/${pid}/ns/net`;
    if (!known.has(inode)) places.set(path, { inode, name: path, named: false, pid });
  }
  return places;
}

function describeContainer({ host, inside }: Attached, place: Place | undefined): ContainerLink {
  const of = (family: 4 | 6): string[] =>
    inside.addresses
      .filter((address) => address.family === family && !(family === 6 && address.linkLocal))
      .map(({ address }) => address);
  return {
    netns: place?.name ?? '',
    pid: place?.pid ?? null,
    bridge: host.master,
    hostInterface: host.name,
    interface: inside.name,
    mac: inside.mac,
    ipv4: of(4),
    ipv6: of(6),
    addresses: [...of(4), ...of(6)],
    state: inside.up ? 'up' : 'down',
  };
}

function describeProcesses(
  state: StateDirectory,
  generation: string,
  seen: readonly SeenProcess[],
  shared: number,
  places: ReadonlyMap<string, Place>,
  attached: readonly Attached[],
): ProcessEntry[] {
  const interfaces = new Map<string, string[]>();
  for (const { netns, inside } of attached) interfaces.set(netns, [...(interfaces.get(netns) ?? []), inside.name]);
  // Of a namespace without a name only its place on a bridge tells that it is a container of ours.
  const shown = new Map([...places].filter(([path, { named }]) => named || interfaces.has(path)));
  const pathOf = new Map([...shown].map(([path, { inode }]) => [inode, path]));
  const members = seen.filter(({ netns }) => netns === shared || pathOf.has(netns));
  const leased = new Set(
    holdsLease(
      state,
      generation,
      members.map(({ pid }) => pid),
    ),
  );
  return members.flatMap(({ pid, netns }) => {
    const facts = readProcess(pid);
    if (facts === undefined) return [];
    const path = pathOf.get(netns);
    const names = path === undefined ? undefined : interfaces.get(path);
    return {
      pid,
      ...facts,
      lease: leased.has(pid),
      netns: path === undefined ? null : (shown.get(path)?.name ?? null),
      ...(names === undefined ? {} : { interfaces: names }),
    };
  });
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.ino;
  } catch {
    return undefined;
  }
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
