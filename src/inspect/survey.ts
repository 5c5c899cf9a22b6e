import { symlinkSync } from 'node:fs';
import { RnetnsError } from '../errors/error.js';
import { BackgroundProcess } from '../exec/background.js';
import { runCommand } from '../exec/command.js';
import { enterArguments, type Target } from '../namespace/enter.js';
import { scriptText } from '../namespace/scripts.js';
import { parseNames, parseNsids, parseVeths, type Veth } from './links.js';

/**
 * Theory of operation: who is on the bridges
 *
 * A thread of ours that changed its network namespace would take others with it, and /proc/net is each reader's own. So
 * all that is told of a namespace is told by a process inside it.
 *   1. One in the shared namespace (survey.sh) tells its bridges, the veths on them, and to which of the namespaces in
 *      question each leads: by the kernel's ids, because an index alone would fit veths of others as well.
 *   2. One in each namespace that a bridge leads to (visit.sh) tells its own ends. Several at a time, each in a lane of
 *      a shell, so that it costs nothing but itself.
 * A namespace that goes meanwhile is missing in the answer, and a pid that has become another process's has other veths.
 */

/** Where to go in, and what with. */
export interface Entry {
  /** To where the namespaces are mounted on their files. */
  way: Target;
  /** Path of the shared network namespace, as the caller sees it. */
  netns: string;
  /** The keeper's FIFO, as that process sees it. */
  fifo: string;
  env: Readonly<Record<string, string>>;
}

/** A pair of veths: one on a bridge in the shared namespace, one in a container. */
export interface Attached {
  /** Which of the paths. */
  netns: string;
  host: Veth & { master: string };
  inside: Veth;
}

const TIMEOUT_MS = 5000;
/** Of visits at a time. */
const LANES = 4;

/**
 * Every pair of veths between a bridge of the shared namespace and one of these.
 *
 * @param paths - of network namespaces, such as /proc/PID/ns/net; each namespace once.
 * @param findMore - asked for more of them, when a bridge leads to one that is none of `paths`.
 * @throws RnetnsError ERR_NETNS when a program fails or hangs.
 */
export async function surveyContainers(
  entry: Entry,
  paths: readonly string[],
  findMore: () => readonly string[],
): Promise<Attached[]> {
  let leads = await findLeads(entry, paths);
  if (leads.some(({ netns }) => netns === undefined)) {
    const more = findMore();
    if (more.length > 0) leads = await findLeads(entry, [...paths, ...more]);
  }
  const known = leads.filter((lead): lead is Lead & { netns: string } => lead.netns !== undefined);
  const insides = await visitAll(entry, [...new Set(known.map(({ netns }) => netns))]);
  return known.flatMap(({ netns, host }) => {
    const inside = insides
      .get(netns)
      ?.find(({ index, peerIndex }) => index === host.peerIndex && peerIndex === host.index);
    return inside === undefined ? [] : { netns, host, inside };
  });
}

/** Step 1's: a veth on a bridge, and which of the paths it leads to; undefined: to none of them. */
interface Lead {
  netns: string | undefined;
  host: Attached['host'];
}

/** Step 1. */
async function findLeads(entry: Entry, paths: readonly string[]): Promise<Lead[]> {
  const [file = '', ...args] = [
    ...enterArguments(entry.way),
    ...['unshare', '--mount', '--propagation', 'private', '--'],
    ...['sh', '-c', scriptText('survey'), 'survey.sh', entry.netns, entry.fifo, String(entry.way.pid)],
  ];
  const survey = new BackgroundProcess(file, args, entry.env);
  try {
    await survey.line(TIMEOUT_MS);
    for (const [number, path] of paths.entries()) symlinkSync(path, `/proc/${survey.pid ?? 0}/cwd/${number}`);
    survey.tell('go');
    const outcome = await survey.end(TIMEOUT_MS);
    if (outcome !== 'exited with status 0') throw new Error(outcome ?? `did not end within ${TIMEOUT_MS / 1000} s`);
    return readLeads(survey.rest, paths);
  } catch (cause) {
    survey.kill();
    throw failed(survey.stderr || (cause instanceof Error ? cause.message : String(cause)), cause);
  }
}

function readLeads(answer: string, paths: readonly string[]): Lead[] {
  const [bridges = '', veths = '', ids = ''] = answer.split('\n');
  const isBridge = new Set(parseNames(bridges));
  const nameOf = parseNsids(ids);
  return parseVeths(veths).flatMap((host) => {
    const { master, peerNsid } = host;
    // Both ends in the shared namespace: no container.
    if (master === undefined || !isBridge.has(master) || peerNsid === undefined) return [];
    const name = nameOf.get(peerNsid);
    return { netns: name === undefined ? undefined : paths[Number(name)], host: { ...host, master } };
  });
}

/** Step 2: the veths in each, by path. */
async function visitAll(entry: Entry, paths: readonly string[]): Promise<Map<string, Veth[]>> {
  const lanes = Array.from({ length: LANES }, (_, lane) => paths.filter((_path, number) => number % LANES === lane));
  const visited = await Promise.all(lanes.filter((lane) => lane.length > 0).map((lane) => visit(entry, lane)));
  return new Map(visited.flat());
}

async function visit(entry: Entry, paths: readonly string[]): Promise<[string, Veth[]][]> {
  const [file = '', ...args] = [
    ...enterArguments(entry.way),
    ...['sh', '-c', scriptText('visit'), 'visit.sh', ...paths],
  ];
  const { status, stdout, stderr, outcome } = await runCommand(file, args, { env: entry.env, timeoutMs: TIMEOUT_MS });
  // Its status is that of the last visit, to a namespace that may be gone.
  if (status === undefined) throw failed(stderr.trim() || outcome);
  // A number, and the answer if there is one.
  return stdout
    .split(/^(\d+)\n/m)
    .slice(1)
    .reduce<[string, Veth[]][]>((all, text, position, parts) => {
      if (position % 2 === 1) all.push([paths[Number(parts[position - 1])] ?? '', parseVeths(text)]);
      return all;
    }, []);
}

function failed(why: string, cause?: unknown): RnetnsError {
  return new RnetnsError('ERR_NETNS', `cannot read the bridges of the shared network namespace: ${why}`, {
    hint: 'ip(8) of iproute2, nsenter(1) and mount(8) must be installed; rnetns status',
    cause,
  });
}
