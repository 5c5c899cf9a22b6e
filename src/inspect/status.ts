import { processEnvironment } from '../config/environment.js';
import { backgroundEnvironment } from '../exec/background.js';
import { runCommand } from '../exec/command.js';
import { wholeAnswer } from '../exec/whole-answer.js';
import { lookAtHost, type Stale } from '../lifecycle/look.js';
import { isInside } from '../namespace/inside.js';
import { membersWith } from '../namespace/members.js';
import { namedNamespaces } from '../namespace/names.js';
import { isWhole } from '../namespace/sound.js';
import { hostWaysOut, waysOutOf } from '../namespace/ways-out.js';
import { parseProcAddresses } from '../plan/addresses.js';
import { parseResolvConf } from '../plan/resolv-conf.js';
import { listPorts, type ListedPort } from '../ports/listing.js';
import { statStateDirectory, type StateDirectory } from '../state/directory.js';
import { readOptional } from '../state/files.js';
import { readInfo } from '../state/info.js';
import { readLive, type Live } from '../state/live.js';
import { identifyProcess, isAlive } from '../state/process.js';
import { readRecord, type Record } from '../state/record.js';
import { readReferences, type Reference } from '../state/references.js';
import { countUsers } from './inventory.js';
import { limitsOf, type Limit } from './limits.js';
import { readProtection, type Protection } from './protection.js';

/** One shared namespace, as `rnetns status --json` prints it: every key is there, null where it is unknown or down. */
export interface Status {
  /** Name of the namespace. */
  name: string;
  /**
   * `degraded`: it can be used, but a part of it is dead, the driver doesn't start, or there is no way out: the host has no
   * route to the Internet, or has one that the driver can't use. `down`: there is none.
   */
  state: 'running' | 'degraded' | 'down';
  /** Id of this namespace, a new one each time it is made. */
  generation: string | null;
  /** Its state directory, an absolute path. */
  directory: string | null;
  /** What connects it to the host's network. */
  driver: {
    /** `pasta`, `slirp4netns` or `none`. */
    name: string;
    /** First line of its `--version`. */
    version: string | null;
    /** The program, an absolute path; null with `none`. */
    path: string | null;
    /** Null while it doesn't run. */
    pid: number | null;
    /** Its arguments. */
    args: string[];
    /** How often the supervisor has started it again. */
    restarts: number;
    /** The last line that it printed. */
    lastWords: string | null;
    /** Has the namespace a way out through it, and has the host one? False as well while it doesn't run, and for `none`. */
    connected: boolean;
  } | null;
  /** Addresses inside: no loopback, multicast or IPv6 link-local. */
  addresses: string[] | null;
  /** Where the driver answers DNS. */
  dnsForwardIps: string[] | null;
  /** Addresses inside that mean the host. */
  mapGuestIps: string[] | null;
  /** Those of `resolv.conf` inside. */
  nameservers: string[] | null;
  /** Those of them that nobody has chosen: public ones, for lack of any other. Not there when there are none. */
  publicNameservers?: string[];
  /**
   * What the host or the driver has changed since it was written, and `rnetns repair` writes again. Null as well where nobody can
   * tell: from inside, and in a namespace that a version of rnetns before this one has made.
   */
  stale: Stale[] | null;
  /** Durable references of `setup` with an id. */
  references: Reference[] | null;
  /** Sum of all references, those without an id too; null also when `ref-count` holds no number. */
  refCount: number | null;
  /** How many processes are in the network namespace itself, beside ours: those that `ps` lists without a container. */
  processes: number | null;
  /** How many other network namespaces are on its bridges: those that `ps` lists. */
  containers: number | null;
  /** Published on the host, and ports of the host's inside, as `rnetns port list` has them. */
  ports: ListedPort[] | null;
  /** The process that holds the namespace together, and ends it after its last use; null when it is dead. */
  supervisor: {
    /** As the caller sees it. */
    pid: number;
  } | null;
  /** The process that commands join; null when it is dead. */
  keeper: {
    /** As the caller sees it. */
    pid: number;
  } | null;
  /** From the end of the unit or session in which it was made. */
  protection: Protection | null;
  /** What its driver, or without one its supervisor, still has of the limits of whoever made it, and everybody has with it. */
  limits: Limit[] | null;
  /** Seconds from its last use to its end. */
  linger: number | null;
  /** When it was made, ISO 8601. */
  since: string | null;
}

const VERSION_TIMEOUT_MS = 2000;
const PORTS_TIMEOUT_MS = 1000;

/**
 * Never waits for the lock, and never makes anything.
 *
 * @param how - `askDriver`: false where nobody wants its version to be known, which takes a process to ask for.
 */
export async function readStatus(state: StateDirectory, { askDriver = true } = {}): Promise<Status> {
  const down: Status = {
    name: state.name,
    state: 'down',
    generation: null,
    directory: null,
    driver: null,
    addresses: null,
    dnsForwardIps: null,
    mapGuestIps: null,
    nameservers: null,
    stale: null,
    references: null,
    refCount: null,
    processes: null,
    containers: null,
    ports: null,
    supervisor: null,
    keeper: null,
    protection: null,
    limits: null,
    linger: null,
    since: null,
  };
  if (statStateDirectory(state) === undefined) return down;
  const live = readLive(state);
  if (live === undefined) return down;

  const { supervisor, keeper, generation } = live;
  const record = readRecord(state);
  const info = readInfo(state);
  const driver = await readDriver(state, record?.plan.driver, live, askDriver);
  const references = readReferences(state, namedNamespaces(state).keys());
  const parts = [supervisor, keeper];
  const complete =
    parts.every(isAlive) &&
    isWhole(state, generation, { ...live, driver: undefined, fork: undefined }) &&
    (driver?.path === null || driver?.connected === true);
  const members = membersWith(keeper, state, record);
  // A command that outlived all of ours is still in it, and the next one mends it.
  if (!parts.some(isAlive) && members.length === 0) return down;
  const users = await countUsers(state);
  return {
    name: state.name,
    state: complete ? 'running' : 'degraded',
    generation,
    directory: state.path,
    driver,
    addresses: isAlive(keeper) ? addressesIn(keeper.pid) : (info?.addresses ?? []),
    dnsForwardIps: info?.dnsForwardIps ?? null,
    mapGuestIps: info?.mapGuestIps ?? null,
    nameservers: parseResolvConf(readOptional(state.resolvConf) ?? '').nameservers,
    ...(info?.publicNameservers !== undefined && { publicNameservers: info.publicNameservers }),
    stale: staleIn(state, record, live),
    references: references.list,
    refCount: references.count,
    processes: users.processes,
    containers: users.containers,
    ports: await listPorts(state, PORTS_TIMEOUT_MS),
    supervisor: isAlive(supervisor) ? { pid: supervisor.pid } : null,
    keeper: isAlive(keeper) ? { pid: keeper.pid } : null,
    protection: readProtection(parts.find(isAlive)?.pid),
    limits: limitsOf(driver?.pid ?? supervisor.pid),
    linger: record?.lingerSeconds ?? null,
    since: record?.since ?? null,
  };
}

function staleIn(state: StateDirectory, record: Record | undefined, { supervisor, keeper }: Live): Stale[] | null {
  const settings = record?.plan.resolvConf?.settings;
  if (record === undefined || settings === undefined || !isAlive(supervisor) || !isAlive(keeper) || isInside(state))
    return null;
  const { driver, resolvConf } = record.plan;
  return lookAtHost(state, { driver, resolvConf: { ...resolvConf, settings } }, keeper, supervisor)?.stale ?? null;
}

/** As they are now: a driver that was started again has those that the host has by now. */
function addressesIn(pid: number): string[] {
  const proc = (file: string) => readOptional(`/proc/${pid}/net/${file}`) ?? '';
  return parseProcAddresses(proc('fib_trie'), proc('if_inet6'));
}

type RecordedDriver = Record['plan']['driver'];

async function readDriver(
  state: StateDirectory,
  planned: RecordedDriver | undefined,
  live: Live,
  ask: boolean,
): Promise<Status['driver']> {
  if (planned === undefined) return null;
  const [numbers = '', lastWords = ''] = (readOptional(state.driverState) ?? '').split('\n');
  const [, , restarts = 0] = numbers.split(' ').map(Number);
  const recorded = Number(readOptional(state.driverPid) ?? '');
  // The supervisor clears the file, but for one that died together with it.
  const pid = identifyProcess(recorded) === undefined ? null : recorded;
  return {
    name: planned.name,
    version: planned.path === null || !ask ? null : await versionOf(planned.path, state.runtimeDir),
    path: planned.path,
    pid,
    args: planned.args,
    restarts: Number.isInteger(restarts) ? restarts : 0,
    lastWords: lastWords === '' ? null : lastWords,
    connected: pid !== null && (await leadsOut(live, planned)),
  };
}

/**
 * Has the namespace a way out in the first family that the host has one in? The supervisor is on the host's network.
 */
async function leadsOut({ supervisor, keeper }: Live, planned: RecordedDriver): Promise<boolean> {
  if (!isAlive(keeper)) return true;
  const outside = await hostWaysOut(isAlive(supervisor) ? supervisor.pid : 'self');
  const inside = waysOutOf(keeper.pid);
  const needsIpv4 = outside.ipv4 && (planned.path === null || planned.families?.ipv4 !== false);
  return needsIpv4 ? inside.ipv4 : outside.ipv6 && inside.ipv6;
}

/** The first line of its --version; "pasta 0.0~git20230309.7c7625d-1", "slirp4netns version 1.2.0". */
async function versionOf(path: string, runtimeDir: string): Promise<string | null> {
  // As it is run: one that is a script calls others.
  const options = { env: backgroundEnvironment(processEnvironment(), runtimeDir), timeoutMs: VERSION_TIMEOUT_MS };
  const answer = await wholeAnswer(([file, ...args]) => runCommand(file, args, options), [path, '--version']);
  const [line = ''] = answer.stdout.split('\n');
  return answer.status === 0 && line !== '' ? line : null;
}
