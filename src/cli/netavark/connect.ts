import { basename, dirname, join } from 'node:path';
import { EXIT, RnetnsError } from '../../errors/error.js';
import {
  dropForgotten,
  dropLeases,
  findAddresses,
  freeAddresses,
  hasAddresses,
  takeAddresses,
} from '../../netavark/leases.js';
import { interfacesOf, parseRequest, type NetavarkRequest } from '../../netavark/request.js';
import {
  forgetSetup,
  forgottenSetups,
  noteSetup,
  unfinishedFile,
  type UnfinishedFile,
} from '../../netavark/unfinished.js';
import { namedNamespaces } from '../../namespace/names.js';
import type { ProcessId } from '../../state/process.js';
import { readReferences } from '../../state/references.js';
import { netavarkCall, netavarkContext, type NetavarkContext, type NetavarkOptions } from './call.js';
import { endBy, launch, type Launch, type LaunchResult } from './launch.js';

/** One container, its namespace, and where the records of it are. */
interface Container {
  context: NetavarkContext;
  request: NetavarkRequest;
  netns: string;
  addresses: string;
  unfinished: string;
}

/** Connect a container to its networks, with the request on stdin; its id becomes a reference. */
export async function setUp(netns: string, input: string, options: NetavarkOptions): Promise<number> {
  const container = containerOf(netns, input, options);
  const { context, request, addresses, unfinished } = container;
  checkName(container);
  const id = request.container_id;
  let drop = (): void => undefined;
  const prepare = (process: ProcessId): string => {
    const readCounted = () => countedIn(context);
    const forgotten = forgottenSetups(unfinished, readCounted);
    dropForgotten(addresses, request, readCounted);
    const taken = takeAddresses(addresses, request, process);
    drop = () => dropLeases(taken, { container: id, process });
    noteSetup(unfinished, { netns: container.netns, process, request });
    return forgotten.map(formatUndo).join('') + formatGo(request);
  };
  const result = await launch(context, callOf(container, 'setup', prepare)).catch((error: unknown) => {
    drop();
    throw error;
  });
  if (result.status === EXIT.ok) forgetSetup(unfinished, id);
  // Where it was killed, or not undone, the next one undoes it first: until then nobody gets the address.
  else if (isUndone(result)) drop();
  return endBy(result);
}

/** Disconnect it, and drop the reference. What isn't there is no error, and may be repeated. */
export async function tearDown(netns: string, input: string, options: NetavarkOptions): Promise<number> {
  const container = containerOf(netns, input, options);
  const { context, request, addresses, unfinished } = container;
  // netavark itself fails for what isn't there, and 1.4 with a panic.
  if (!countedIn(context).has(request.container_id) && !hasAddresses(addresses, request)) return EXIT.ok;
  const prepare = (): string => {
    findAddresses(addresses, request);
    return formatGo(request);
  };
  const result = await launch(context, callOf(container, 'teardown', prepare));
  if (result.status === EXIT.ok) {
    freeAddresses(addresses, request);
    forgetSetup(unfinished, request.container_id);
  }
  return endBy(result);
}

function containerOf(netns: string, input: string, options: NetavarkOptions): Container {
  const context = netavarkContext(options);
  const { directory, state } = context;
  return {
    context,
    request: parseRequest(input),
    netns: state.netnsPath(netns),
    addresses: join(directory, 'addresses'),
    unfinished: join(directory, 'unfinished'),
  };
}

function callOf(
  { context, request, netns, unfinished }: Container,
  act: 'setup' | 'teardown',
  input: Launch['input'],
): Launch {
  const record = unfinishedFile(unfinished, request.container_id);
  const command = netavarkCall(context, act, { netns, interfaces: interfacesOf(request), record });
  return { verb: act, options: ['--id', request.container_id], command, input };
}

/** A name of ours that isn't there is an error before anything is made; what else there is inside only the script sees. */
function checkName({ context: { state }, request, netns }: Container): void {
  if (dirname(netns) !== state.namesSeen || namedNamespaces(state).has(basename(netns))) return;
  const what = `cannot set up the container ${request.container_id} on ${netns}`;
  throw new RnetnsError('ERR_NETNS', `${what}: there is no network namespace of that name`, {
    hint: `rnetns netns list; rnetns netns add ${basename(netns)}`,
  });
}

function countedIn({ state }: NetavarkContext): ReadonlySet<string> {
  return new Set(readReferences(state).list.map((reference) => reference.id));
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
