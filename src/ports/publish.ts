import { dirname } from 'node:path';
import { RnetnsError } from '../errors/error.js';
import { StateDirectory } from '../state/directory.js';
import { readOptional } from '../state/files.js';
import { ringSupervisor } from '../state/lease.js';
import { namespaceInode } from '../state/process.js';
import { stateNames } from '../state/runtime.js';
import { holdPort, type Held } from './bind.js';
import { explainRefusal, findDouble, findTooMany, type Conflict } from './conflicts.js';
import { closePorts } from './close.js';
import { desirePort, dropPort } from './desired.js';
import type { PortState } from './forwarder/table.js';
import { isOwnerThere } from './owner.js';
import { allPublished, follow } from './place.js';
import { openFilesLimit } from './open-files.js';
import { hostSide, nameOf, type Port } from './port.js';
import { findPortUser } from './port-user.js';
import type { ForwarderSurroundings } from './start-forwarder.js';

/** A port that was free may be taken until the forwarder has it. */
const TRIES = 3;

/**
 * Open these ports, all or none.
 *
 * 1. what stands against it by what is known: published already, too many
 * 2. each is taken for a moment, as the forwarder will: the kernel says what else stands against it, and which are free
 * 3. the files, which say that they are to be open
 * 4. the forwarder follows, and listens when this returns
 *
 * @returns the ports, with those of the host that were chosen.
 * @throws RnetnsError ERR_PORT; nothing is open then that wasn't.
 */
export async function publishPorts(around: ForwarderSurroundings, asked: readonly Port[]): Promise<Port[]> {
  await dropForsaken(around.state);
  for (let tries = 1; ; tries += 1) {
    refuse(asked, findDouble(asked, allPublished(around.state)) ?? findTooMany(asked.length, openFilesLimit()));
    const ports = await choose(asked);
    const failed = await open(around, ports);
    if (failed === undefined) {
      // From now on it looks after the forwarder.
      ringSupervisor(around.state, around.generation);
      return ports;
    }
    const wasChosen = asked[ports.indexOf(failed.port)]?.hostPort === 0;
    if (tries < TRIES && wasChosen && failed.code === 'EADDRINUSE') continue;
    refuse([failed.port], explain(failed.port, failed.code));
  }
}

/**
 * What stands against these ports, as far as it is known before there is a namespace.
 *
 * @throws RnetnsError ERR_PORT
 */
export async function checkPorts(state: StateDirectory, asked: readonly Omit<Port, 'owner'>[]): Promise<void> {
  await dropForsaken(state);
  const ports = asked.map((port): Port => ({ ...port, owner: { kind: 'namespace' } }));
  refuse(ports, findDouble(ports, allPublished(state)) ?? findTooMany(ports.length, openFilesLimit()));
  await choose(ports);
}

/** Those whose owner has just gone are in nobody's use; the forwarder would close them at its next look. */
async function dropForsaken({ path }: StateDirectory): Promise<void> {
  const base = dirname(path);
  for (const name of stateNames(base)) {
    const state = new StateDirectory(base, name);
    await closePorts(state, ({ owner }) => !isOwnerThere(state, owner));
  }
}

/** All are held until all are chosen, or one would be chosen twice. */
async function choose(asked: readonly Port[]): Promise<Port[]> {
  const held: Held[] = [];
  try {
    const ports: Port[] = [];
    for (const port of asked) {
      if (port.toHost) {
        ports.push(port);
        continue;
      }
      try {
        const taken = await holdPort(port);
        held.push(taken);
        ports.push({ ...port, hostPort: taken.port });
      } catch (cause) {
        refuse([port], explain(port, (cause as NodeJS.ErrnoException).code ?? String(cause)));
      }
    }
    return ports;
  } finally {
    await Promise.all(held.map(({ release }) => release()));
  }
}

/** Undone when one fails. */
async function open(
  around: ForwarderSurroundings,
  ports: readonly Port[],
): Promise<{ port: Port; code: string } | undefined> {
  const made: string[] = [];
  let failed: { port: Port; code: string } | undefined;
  try {
    for (const port of ports) {
      if (desirePort(around.state, port)) made.push(nameOf(port));
      else refuse([port], { why: 'it is published already', hint: 'rnetns port list' });
    }
    const states = await follow(around, made);
    failed = firstFailed(ports, states);
  } catch (cause) {
    made.forEach((name) => dropPort(around.state, name));
    throw cause;
  }
  if (failed === undefined) return undefined;
  await closePorts(around.state, (port) => made.includes(nameOf(port)), around.follow);
  return failed;
}

function firstFailed(
  ports: readonly Port[],
  states: Readonly<Record<string, PortState>>,
): { port: Port; code: string } | undefined {
  for (const port of ports) {
    const state = states[nameOf(port)];
    // Its file is gone already: so is its owner.
    if (state === undefined) return { port, code: 'ESRCH' };
    if (state.code !== null) return { port, code: state.code };
  }
  return undefined;
}

function explain(port: Port, code: string): Conflict {
  if (code === 'ESRCH') return { why: 'its owner has ended', hint: 'rnetns status shows the references' };
  if (port.toHost && code === 'EADDRINUSE') {
    return { why: `something inside listens on ${port.targetPort} already`, hint: 'rnetns run -- ss -tulpn' };
  }
  return explainRefusal(port, code, {
    user: code === 'EADDRINUSE' ? findPortUser(port) : undefined,
    firstUnprivileged: Number(readOptional('/proc/sys/net/ipv4/ip_unprivileged_port_start') ?? 1024),
  });
}

function refuse(ports: readonly Port[], conflict: Conflict | undefined): void {
  if (conflict === undefined) return;
  const [port] = ports;
  const what = ports.length === 1 && port !== undefined ? ` ${hostSide(port)}` : '';
  throw new RnetnsError('ERR_PORT', `cannot publish${what}: ${conflict.why}`, { hint: conflict.hint });
}

/** Whoever asks is on the network where the forwarder will listen: elsewhere nothing of this would be true. */
export function checkNetwork(supervisorPid: number, hint = 'call rnetns port on the network of the host'): void {
  const [ours, theirs] = [namespaceInode('self', 'net'), namespaceInode(supervisorPid, 'net')];
  if (theirs === undefined || ours === theirs) return;
  throw new RnetnsError('ERR_PORT', 'cannot publish ports from another network than the namespace was made on', {
    hint,
  });
}
