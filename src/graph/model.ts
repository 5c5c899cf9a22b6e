import { basename, dirname } from 'node:path';
import type { CachedAttachment } from '../cni/cache.js';
import { CONNECTING } from '../driver/drivers.js';
import type { ContainerLink, Inventory, ProcessEntry } from '../inspect/inventory.js';
import type { Status } from '../inspect/status.js';
import { counts, type Reference } from '../state/references.js';
import type { Detail, Graph, GraphEdge, GraphNode } from './graph.js';
import { portsNodes, publishedPorts } from './ports.js';
import { byNumber } from '../text/by-number.js';
import { shorten } from '../text/columns.js';
import { printable } from '../text/printable.js';
import { processesInWords, referencesInWords } from '../text/users.js';
import { count } from '../text/words.js';

/** What the picture is made from, all of it read at about the same time. */
export interface Facts {
  status: Status;
  /** undefined while nobody can look inside. */
  inventory: Inventory | undefined;
  /** What CNI remembers of each container; undefined when that is damaged. */
  attachments: readonly CachedAttachment[] | undefined;
  /** Where named network namespaces are seen: the path of one is its name below this. */
  namesSeen: string;
  /** References without an id; undefined when nobody can know. */
  anonymous: number | undefined;
  /** The host's interfaces with a default route. */
  hostInterfaces: readonly string[];
  /** Those of the shared namespace; undefined while nobody can look inside. */
  interfaces: readonly string[] | undefined;
}

/** More of them than this are counted, not listed. */
const LISTED = 8;
const COMMAND_COLUMNS = 60;

/** Pure. Every text in it is fit to be shown: what others have named is escaped here, once for all formats. */
export function buildGraph(facts: Facts): Graph {
  const { status } = facts;
  const { name, state } = status;
  if (state === 'down') {
    const node: GraphNode = { id: 'netns', kind: 'netns', title: `${name}: down`, details: [], health: 'idle' };
    return { name, state, nodes: [node], edges: [] };
  }
  const containers = findContainers(facts);
  const bridges = [...new Set(containers.flatMap(({ links }) => links.map(({ bridge }) => bridge)))].sort(byNumber);
  const shared = (facts.inventory?.processes ?? []).filter(({ netns }) => netns === null);
  const driver = driverNode(status);
  const ports = portsNodes(status.ports ?? []);
  const nodes: GraphNode[] = [
    hostNode(facts.hostInterfaces),
    driver,
    ...ports.nodes,
    netnsNode(facts),
    ...bridges.map((bridge): GraphNode => {
      return {
        id: `bridge:${bridge}`,
        kind: 'bridge',
        title: `bridge ${printable(bridge)}`,
        details: [],
        health: 'ok',
      };
    }),
    ...containers.map(containerNode),
    ...processesNode(shared),
    ...referencesNode(facts, containers),
  ];
  const edges: GraphEdge[] = [
    { from: 'host', to: 'driver', details: [], health: facts.hostInterfaces.length === 0 ? 'broken' : driver.health },
    { from: 'driver', to: 'netns', details: [], health: driver.health },
    ...ports.edges,
    ...bridges.map((bridge): GraphEdge => ({ from: 'netns', to: `bridge:${bridge}`, details: [], health: 'ok' })),
    ...containers.flatMap(containerEdges),
    ...nodes
      .filter(({ kind }) => kind === 'processes' || kind === 'references')
      .map(({ id }): GraphEdge => ({ from: 'netns', to: id, details: [], health: 'ok' })),
  ];
  return { name, state, nodes, edges };
}

function hostNode(interfaces: readonly string[]): GraphNode {
  const offline = interfaces.length === 0;
  return {
    id: 'host',
    kind: 'host',
    title: 'host',
    details: [{ label: offline ? 'no default route' : 'default route', values: interfaces.map(printable) }],
    health: offline ? 'broken' : 'ok',
  };
}

function driverNode({ driver }: Status): GraphNode {
  const node = { id: 'driver', kind: 'driver' } as const;
  if (driver === null) return { ...node, title: 'driver unknown', details: [], health: 'broken' };
  const connects = CONNECTING.some(({ name }) => name === driver.name);
  if (!connects) return { ...node, title: 'no driver', details: [], health: 'idle' };
  const dead = driver.pid === null;
  return {
    ...node,
    title: driver.name,
    details: [
      dead ? { label: "doesn't run", values: [] } : { label: 'pid', values: [String(driver.pid)] },
      ...(driver.restarts === 0 ? [] : [{ label: 'restarts', values: [String(driver.restarts)] }]),
      ...(!dead || driver.lastWords === null
        ? []
        : [{ label: 'said', values: [shorten(printable(driver.lastWords), 2 * COMMAND_COLUMNS)] }]),
    ],
    health: dead ? 'broken' : 'ok',
  };
}

function netnsNode({ status, inventory, attachments, interfaces }: Facts): GraphNode {
  const { name, state, since, addresses, nameservers } = status;
  const parts = (['supervisor', 'keeper'] as const).filter((part) => status[part] === null);
  return {
    id: 'netns',
    kind: 'netns',
    title: `${name}: ${state}`,
    details: [
      ...parts.map((part) => ({ label: part, values: ['dead'] })),
      ...(inventory === undefined ? [{ label: 'inside', values: ['cannot be seen: rnetns repair'] }] : []),
      ...(attachments === undefined ? [{ label: 'CNI', values: ['its records cannot be read'] }] : []),
      { label: connection(interfaces), values: addresses ?? [] },
      ...(nameservers === null || nameservers.length === 0 ? [] : [{ label: 'DNS', values: nameservers }]),
      ...(since === null ? [] : [{ label: 'since', values: [since] }]),
    ],
    health: parts.length > 0 || inventory === undefined || attachments === undefined ? 'broken' : 'ok',
  };
}

function connection(interfaces: readonly string[] | undefined): string {
  if (interfaces === undefined) return 'addresses';
  return interfaces.length === 0 ? 'not connected' : interfaces.map(printable).join(' ');
}

/** A network namespace beside the shared one. */
interface Container {
  /** Its name, or the path of its file. */
  netns: string;
  /** Of the containers of runtimes that are known to be it. */
  ids: Set<string>;
  links: ContainerLink[];
  /** By CNI's records. */
  attachments: CachedAttachment[];
  processes: ProcessEntry[];
}

/** Those on a bridge, those with a name, and those that CNI knows. */
function findContainers({ status, inventory, attachments, namesSeen }: Facts): Container[] {
  const found = new Map<string, Container>();
  const at = (netns: string): Container => {
    const known = found.get(netns);
    if (known !== undefined) return known;
    const processes = inventory?.processes.filter((process) => process.netns === netns) ?? [];
    const container: Container = { netns, ids: new Set(), links: [], attachments: [], processes };
    found.set(netns, container);
    return container;
  };
  for (const link of inventory?.containers ?? []) {
    const container = at(link.netns);
    container.links.push(link);
    if (link.id !== null) container.ids.add(link.id);
  }
  for (const { id } of status.references ?? []) if (id.startsWith(NAMED)) at(id.slice(NAMED.length));
  for (const attachment of attachments ?? []) {
    const { netns, containerId } = attachment;
    const container =
      found.get(dirname(netns) === namesSeen ? basename(netns) : netns) ??
      [...found.values()].find(({ ids }) => ids.has(containerId)) ??
      at(netns || containerId);
    container.attachments.push(attachment);
    container.ids.add(containerId);
  }
  return [...found.values()].sort((a, b) => byNumber(a.netns, b.netns));
}

const NAMED = 'netns:';

function containerNode(container: Container): GraphNode {
  const { netns, links, attachments, processes } = container;
  const ids = [...container.ids].filter((id) => id !== netns);
  const ports = attachments.flatMap(({ capabilityArgs }) => publishedPorts(capabilityArgs));
  return {
    id: `container:${netns}`,
    kind: 'container',
    title: titleOf(container),
    details: [
      ...ids.map((id) => ({ label: 'id', values: [printable(id)] })),
      // On no bridge, so nobody has looked: with ptp or macvlan what CNI wrote down is all there is to say.
      ...(links.length > 0 ? [] : attachments.map(attachedTo)),
      ...ports.map((port) => ({ label: 'port', values: [port] })),
      ...(processes.length === 0 ? [] : [{ label: 'runs', values: programs(processes) }]),
    ],
    health: links.length === 0 ? 'idle' : links.every(({ state }) => state === 'up') ? 'ok' : 'broken',
  };
}

function titleOf({ netns, processes }: Container): string {
  const pid = /^\/proc\/(\d+)\//.exec(netns)?.[1];
  if (pid === undefined) return printable(netns);
  const first = processes.find((process) => String(process.pid) === pid);
  return `process ${pid}${first === undefined ? '' : ` ${program(first)}`}`;
}

function attachedTo({ ifName, network }: CachedAttachment): Detail {
  return { label: printable(ifName), values: [`network ${printable(network)}`] };
}

function containerEdges({ netns, links }: Container): GraphEdge[] {
  const to = `container:${netns}`;
  if (links.length === 0) return [{ from: 'netns', to, details: [], health: 'idle' }];
  return links.map((link): GraphEdge => {
    const { bridge, hostInterface, interface: name, mac, addresses, state } = link;
    const values = [...addresses, mac, `via ${printable(hostInterface)}`, ...(state === 'up' ? [] : ['down'])];
    const details = [{ label: printable(name), values }];
    return { from: `bridge:${bridge}`, to, details, health: state === 'up' ? 'ok' : 'broken' };
  });
}

function processesNode(processes: readonly ProcessEntry[]): GraphNode[] {
  if (processes.length === 0) return [];
  const details =
    processes.length <= LISTED
      ? processes.map((process) => ({ label: String(process.pid), values: [commandOf(process)] }))
      : programs(processes).map((label) => ({ label, values: [] }));
  const title = processesInWords(processes.length);
  return [{ id: 'processes', kind: 'processes', title, details, health: 'ok' }];
}

/** `nginx ×4`, the most frequent first. */
function programs(processes: readonly ProcessEntry[]): string[] {
  const numbers = new Map<string, number>();
  for (const process of processes) numbers.set(program(process), (numbers.get(program(process)) ?? 0) + 1);
  const sorted = [...numbers].sort(([a, many], [b, more]) => more - many || byNumber(a, b));
  const shown = sorted.slice(0, LISTED).map(([name, number]) => (number === 1 ? name : `${name} ×${number}`));
  const others = sorted.slice(LISTED).reduce((sum, [, number]) => sum + number, 0);
  return others === 0 ? shown : [...shown, `and ${count(others, 'other')}`];
}

/** Without its directory, and without what it has written after its name: `nginx: worker process`. */
const program = ({ command }: ProcessEntry): string =>
  shorten(printable(basename(/^[^ :]+/.exec(command[0] ?? '')?.[0] ?? '')) || 'unknown', COMMAND_COLUMNS / 2);
const commandOf = ({ command }: ProcessEntry): string =>
  shorten(printable(command.join(' ')) || 'unknown', COMMAND_COLUMNS);

/** All are counted; listed are those that are no container's in the picture, and without any there is nothing to add. */
function referencesNode({ status, anonymous = 0 }: Facts, containers: readonly Container[]): GraphNode[] {
  const { references, refCount } = status;
  const drawn = new Set(containers.flatMap(({ netns, ids }) => [NAMED + netns, ...ids]));
  const [list, others] = [
    (references ?? []).filter(({ id }) => !drawn.has(id)),
    (references ?? []).filter(({ id }) => drawn.has(id)),
  ];
  const details = [
    ...list.slice(0, LISTED).map(describeReference),
    ...(list.length <= LISTED ? [] : [{ label: `and ${count(list.length - LISTED, 'other')}`, values: [] }]),
    ...(anonymous > 0 ? [{ label: 'without an id', values: [String(anonymous)] }] : []),
    ...(refCount === null ? [{ label: 'unknown how many', values: ['rnetns repair'] }] : []),
  ];
  if (details.length === 0) return [];
  const elsewhere = others.reduce((sum, reference) => sum + counts(reference), 0);
  const title = `${refCount === null ? 'references' : referencesInWords(refCount)}${elsewhere === 0 ? '' : `, ${elsewhere} drawn elsewhere`}`;
  const damaged = refCount === null || list.some(({ problem }) => problem !== null);
  return [{ id: 'references', kind: 'references', title, details, health: damaged ? 'broken' : 'ok' }];
}

function describeReference({ id, nets, pid, command, problem }: Reference): Detail {
  const process = pid === null ? [] : [`process ${pid}${command === null ? '' : ` ${printable(basename(command))}`}`];
  const networks = nets === null || nets === 1 ? [] : [count(nets, 'network')];
  return { label: printable(id), values: [...networks, ...process, ...(problem === null ? [] : [problem])] };
}
