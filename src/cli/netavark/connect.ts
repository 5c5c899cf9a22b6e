import { closeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { openNetns } from '../../cni/netns.js';
import { EXIT, RnetnsError } from '../../errors/error.js';
import {
  dropForgotten,
  dropLeases,
  findAddresses,
  freeAddresses,
  hasAddress,
  networksWithAddress,
  takeAddresses,
} from '../../netavark/leases.js';
import {
  interfacesOf,
  parseRequest,
  requestedNetworks,
  restrictTo,
  type NetavarkRequest,
  type RequestedNetwork,
} from '../../netavark/request.js';
import {
  forgetSetup,
  forgottenSetups,
  noteSetup,
  unfinishedFile,
  type UnfinishedFile,
} from '../../netavark/unfinished.js';
import { checkContainerPorts, closeAttachmentPorts, publishContainerPorts } from '../../ports/container-ports.js';
import { namedNamespaces } from '../../namespace/names.js';
import {
  countLess,
  countMore,
  isCounted,
  readCounted,
  type CountChange,
  type Counted,
  type CountedNetwork,
} from '../../state/counted.js';
import { thisProcess, type ProcessId } from '../../state/process.js';
import { withContainer } from '../context.js';
import { netavarkCall, netavarkContext, type NetavarkContext, type NetavarkOptions } from './call.js';
import { addressesOf, portMappings } from './port-mappings.js';
import { endBy, launch, type Launch, type LaunchResult } from './launch.js';

/** One container, its namespace, and where the records of it are. */
interface Container {
  context: NetavarkContext;
  request: NetavarkRequest;
  netns: string;
  /** An open descriptor of it, where the caller could open it. */
  opened: number | undefined;
  addresses: string;
  unfinished: string;
}

/** Connect a container to its networks, with the request on stdin; its id becomes a reference that counts for each. */
export function setUp(netns: string, input: string, options: NetavarkOptions): Promise<number> {
  return withRequest('setting up', netns, input, options, async (container) => {
    const { context, request, addresses, unfinished } = container;
    const { state, env, log } = context;
    checkName(container);
    const id = request.container_id;
    // podman publishes by itself, from another network than ours is on.
    const ports = options.rootless === undefined ? portMappings(request) : [];
    await checkContainerPorts(state, id, ports);
    const change = countMore(state, id, networksOf(request), counted(container, id));
    let drop = (): void => undefined;
    const prepare = (process: ProcessId): string => {
      const isKnown = (other: string, network: string) => isCountedNow(container, other, network);
      const forgotten = forgottenSetups(unfinished, isKnown);
      dropForgotten(addresses, request, isKnown);
      const taken = takeAddresses(addresses, request, process);
      drop = () => dropLeases(taken, { container: id, process });
      noteSetup(unfinished, { netns: container.netns, process, request });
      return forgotten.map(formatUndo).join('') + formatGo(request);
    };
    let closePorts = (): Promise<void> => Promise.resolve();
    const done = async (): Promise<void> => {
      closePorts = () => closeContainerPorts(container, request);
      await publishContainerPorts(
        { state, env, warn: (message) => log.warn(message) },
        id,
        addressesOf(request, thisProcess()),
        ports,
      );
      change.note();
    };
    const result = await launch(context, callOf(container, 'setup', change, prepare, done)).catch(
      async (error: unknown) => {
        await closePorts();
        drop();
        throw error;
      },
    );
    if (result.status === EXIT.ok) forgetSetup(unfinished, id);
    else {
      await closePorts();
      // Where it was killed, or not undone, the next one undoes it first: until then nobody gets the address.
      if (isUndone(result)) drop();
    }
    return endBy(result);
  });
}

/** Disconnect it from these networks, and drop what is counted for them. What isn't there is no error, and may be repeated. */
export function tearDown(netns: string, input: string, options: NetavarkOptions): Promise<number> {
  return withRequest('tearing down', netns, input, options, async (whole) => {
    const { context, addresses, unfinished } = whole;
    const id = whole.request.container_id;
    const known = counted(whole, id);
    // netavark itself fails for what isn't there, and 1.4 with a panic; and an interface may be another one's.
    const request = restrictTo(
      whole.request,
      (network) => nameOf(network, known) !== undefined || hasAddress(addresses, network.id, id),
    );
    const there = requestedNetworks(request);
    if (there.length === 0) return EXIT.ok;
    for (const network of there) network.options.interface_name = ifNameOf(network, known);
    const change = countLess(context.state, id, networksOf(request), known);
    const container = { ...whole, request };
    const prepare = (): string => {
      findAddresses(addresses, request);
      return formatGo(request);
    };
    // Before its addresses can be another one's.
    await closeContainerPorts(container, request);
    // Before the reference goes, and perhaps the namespace with it, so that another one's are never met.
    const done = (): void => {
      freeAddresses(addresses, request);
      forgetSetup(unfinished, id);
      change.note();
    };
    return endBy(await launch(context, callOf(container, 'teardown', change, prepare, done)));
  });
}

async function closeContainerPorts({ context: { state } }: Container, request: NetavarkRequest): Promise<void> {
  for (const { network, ifName } of networksOf(request)) {
    await closeAttachmentPorts(state, { container: request.container_id, network, ifName });
  }
}

function withRequest(
  what: string,
  netns: string,
  input: string,
  options: NetavarkOptions,
  act: (container: Container) => Promise<number>,
): Promise<number> {
  const request = parseRequest(input);
  const context = netavarkContext(options);
  const { directory, state } = context;
  const path = state.netnsPath(netns);
  return withContainer(context, request.container_id, `${what} ${request.container_id} on ${path}`, async (held) => {
    const opened = openNetns(path);
    try {
      return await act({
        context: held,
        request,
        netns: path,
        opened,
        addresses: join(directory, 'addresses'),
        unfinished: join(directory, 'unfinished'),
      });
    } finally {
      if (opened !== undefined) closeSync(opened);
    }
  });
}

function callOf(
  { context, request, netns, opened, unfinished }: Container,
  act: 'setup' | 'teardown',
  { verb, options }: CountChange,
  input: Launch['input'],
  done: NonNullable<Launch['done']>,
): Launch {
  const record = unfinishedFile(unfinished, request.container_id);
  const command = netavarkCall(context, act, { netns, interfaces: interfacesOf(request), record });
  return { act, verb, options, command, input, done, netns: opened };
}

/**
 * A name of ours that isn't there is an error before anything is made; what else there is inside only the script sees. podman has
 * a directory of that path as well, for its caller.
 */
function checkName({ context: { state }, request, netns, opened }: Container): void {
  if (opened !== undefined || dirname(netns) !== state.namesSeen || namedNamespaces(state).has(basename(netns))) return;
  const what = `cannot set up the container ${request.container_id} on ${netns}`;
  throw new RnetnsError('ERR_NETNS', `${what}: there is no network namespace of that name`, {
    hint: `rnetns netns list; rnetns netns add ${basename(netns)}`,
  });
}

function networksOf(request: NetavarkRequest): CountedNetwork[] {
  return requestedNetworks(request).map(({ id, options }) => ({
    by: 'netavark',
    network: id,
    ifName: options.interface_name,
  }));
}

/** What is counted of a container; a version that kept no record of it left addresses. */
function counted({ context, addresses }: Container, containerId: string): Counted {
  return readCounted(context.state, containerId, () =>
    networksWithAddress(addresses, containerId).map((network) => ({ by: 'netavark', network, ifName: '' })),
  );
}

function isCountedNow(container: Container, containerId: string, network: string): boolean {
  return isCounted(counted(container, containerId).networks, { by: 'netavark', network, ifName: '' });
}

/** What was set up, whatever the request says now. */
function ifNameOf(network: RequestedNetwork, known: Counted): string {
  const name = nameOf(network, known) ?? '';
  return name === '' ? network.options.interface_name : name;
}

/** The interface that the container is counted with on a network; '' where that isn't known, undefined where it isn't counted. */
function nameOf({ id }: RequestedNetwork, { networks }: Counted): string | undefined {
  return networks.find(({ by, network }) => by === 'netavark' && network === id)?.ifName;
}

/** From 125 on the status is the launcher's, or that of a script that was killed or couldn't undo it. */
function isUndone({ status }: LaunchResult): boolean {
  return status !== null && status < EXIT.failed;
}

function formatGo(request: NetavarkRequest): string {
  return `go\n${JSON.stringify(request)}\n`;
}

function formatUndo({ file, setup: { netns, request } }: UnfinishedFile): string {
  return `undo\n${file}\n${netns}\n${interfacesOf(request).join(' ')}\n${JSON.stringify(request)}\n`;
}
