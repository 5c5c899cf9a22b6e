/**
 * Theory of operation: a container of an OCI runtime on networks of ours
 *
 * Three facts stand for it: a name for its network namespace (`rnetns netns attach`), which keeps that until DEL is done
 * even though the runtime calls poststop when its last process has ended; its attachments in the CNI cache; and the reference of its
 * id, which `cni add` counts. All of it is done with the lock of the container.
 *   attach   1. look at all that can be wrong   2. the name   3. ADD, network by network
 *   detach   3. DEL of what the cache says, last first   2. the name   1. a reference that is left
 * A failed attach detaches: runtimes call no poststop for a container that was never created. Each part of detach looks
 * before it acts, so it may be called at any time and for a container that nobody has heard of. What plugins say while they take a
 * container off is a warning: the container is gone, nobody calls again, and its id is to be used for the next one.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CachedAttachment } from '../../cni/cache.js';
import { RnetnsError } from '../../errors/error.js';
import { namedNamespaces } from '../../namespace/names.js';
import { quote } from '../../config/bad-setting.js';
import { PORTS_ANNOTATION, type HookPlan } from '../../oci/plan.js';
import { checkContainerPorts } from '../../ports/container-ports.js';
import { parseSpecification, type PortRequest } from '../../ports/specification.js';
import { readLive } from '../../state/live.js';
import { namespaceInode } from '../../state/process.js';
import { byNumber } from '../../text/by-number.js';
import { attach, attachments, detach, forgetLost, type AttachOptions } from '../cni/attach.js';
import { callLauncher } from '../call-launcher.js';
import { findList, findToday } from '../cni/networks.js';
import type { CniContext } from '../cni/session.js';
import { withContainer } from '../context.js';

type Attach = Extract<HookPlan, { kind: 'attach' }>;
type Container = Pick<HookPlan, 'containerId' | 'netns'>;

/**
 * Put a container that is being created on its networks. Repeated for the same container, it does what is missing.
 *
 * @throws RnetnsError after everything was undone, also when it was interrupted.
 */
export function attachContainer(context: CniContext, plan: Attach): Promise<void> {
  return withContainer(context, plan.containerId, `attaching container ${plan.containerId}`, (held) =>
    attachHeld(held, plan),
  );
}

async function attachHeld(context: CniContext, plan: Attach): Promise<void> {
  const lists = plan.interfaces.map(({ network, ifName }) => ({ list: findList(context, network), ifName }));
  const ports = portsOf(plan);
  const inode = inodeOfContainer(context, plan);
  const named = namedNamespaces(context.state).get(plan.netns);
  if (named !== inode) {
    if (named !== undefined) await takeOver(context, plan, named);
    await checkContainerPorts(context.state, plan.containerId, ports);
    await callLauncher(context, `naming the network namespace of container ${plan.containerId}`, [
      ...['netns', 'attach', plan.netns, String(plan.pid)],
    ]);
  }
  try {
    const finished = attachmentsOf(context, plan).filter(({ unfinished }) => unfinished === undefined);
    const there = new Set(finished.map(({ network, ifName }) => `${network} ${ifName}`));
    for (const [index, { list, ifName }] of lists.entries()) {
      context.interruption?.throwIfAborted();
      if (there.has(`${list.name} ${ifName}`)) continue;
      await attach(context, list, { ...options(plan, ifName), ports: index === 0 ? ports : [] });
    }
    context.interruption?.throwIfAborted();
  } catch (cause) {
    throw await undone(context, plan, cause);
  }
}

/**
 * Take a container that is gone off its networks, and drop all that stands for it. What isn't there is no error.
 *
 * @throws RnetnsError the first failure, after all of it was tried. What couldn't be deleted keeps the name, to be tried
 * again: without its namespace, plugins leave rules behind.
 */
export function detachContainer(context: CniContext, container: Container): Promise<void> {
  return withContainer(context, container.containerId, `detaching container ${container.containerId}`, (held) =>
    detachHeld(held, container),
  );
}

async function detachHeld(context: CniContext, container: Container): Promise<void> {
  const { state } = context;
  const { containerId, netns } = container;
  const errors: unknown[] = [];
  const attempt = (step: Promise<void>): Promise<unknown> => step.catch((error: unknown) => errors.push(error));
  for (const { network, ifName } of attachmentsOf(context, container).reverse()) {
    const all = { ...options(container, ifName), force: true };
    await attempt(detach(context, network, all, findToday(context, network)));
  }
  if (errors.length === 0 && existsSync(join(state.names, netns))) {
    await attempt(callLauncher(context, `deleting the name ${netns}`, ['netns', 'delete', netns]));
  }
  // Of a namespace that was lost with its cache, and made anew for its references.
  await attempt(forgetLost(context, containerId));
  if (errors.length > 0) throw errors[0];
}

/** Those of the container, in the order in which they were added: eth2 comes before eth10. */
function attachmentsOf(context: CniContext, { containerId, netns }: Container): CachedAttachment[] {
  const path = context.state.netnsPath(netns);
  return attachments(context)
    .filter((attachment) => attachment.containerId === containerId && attachment.netns === path)
    .sort((a, b) => byNumber(a.ifName, b.ifName));
}

/** The container's own address is where they lead to, so none is named. */
function portsOf({ containerId, ports }: Attach): PortRequest[] {
  return ports.flatMap((text) => {
    const requests = parseSpecification(text);
    if (requests.every(({ targetIp }) => targetIp === '')) return requests;
    throw new RnetnsError(
      'ERR_USAGE',
      `attaching container ${containerId} failed on its port ${quote(text)}: it names an address inside`,
      {
        hint: `the port leads to the container's own address: ${PORTS_ANNOTATION}=[HOSTIP:]HOSTPORT:PORT[/udp]`,
      },
    );
  });
}

function options({ containerId, netns }: Container, ifName: string): AttachOptions {
  return { containerId, netns, ifName, args: '', capabilityArgs: {} };
}

/** The container's network namespace, or why it can't be put on a network. */
function inodeOfContainer({ state }: CniContext, { containerId, pid }: Attach): number {
  const refuse = (code: 'ERR_NETNS' | 'ERR_PROCESS', why: string, hint: string) =>
    new RnetnsError(code, `attaching container ${containerId} failed on process ${pid}: ${why}`, { hint });
  if (!existsSync(`/proc/${pid}`)) throw refuse('ERR_PROCESS', 'there is none', 'the container has ended');
  const inode = namespaceInode(pid, 'net');
  const keeper = readLive(state)?.keeper.pid;
  const shared = keeper === undefined ? undefined : namespaceInode(keeper, 'net');
  // Of a dead keeper there is nothing to see either: then the launcher mends, or says why it can't.
  const isBeside = keeper !== undefined && shared === undefined && existsSync(`/proc/${keeper}`);
  if (inode === undefined || isBeside) {
    throw refuse(
      'ERR_NETNS',
      'its network namespace belongs to another user namespace than the shared one',
      'run the runtime in ours: rnetns unshare -- crun run …',
    );
  }
  if (inode === namespaceInode('self', 'net') || inode === shared) {
    throw refuse(
      'ERR_NETNS',
      'it has no network namespace of its own',
      `"linux": {"namespaces": [{"type": "network"}, …]} in the container's config.json`,
    );
  }
  return inode;
}

/** A container of that id that has ended, and whose poststop never came: its runtime was killed. */
async function takeOver(context: CniContext, plan: Attach, named: number): Promise<void> {
  // Of any user of the user namespace, not just our own.
  const users = readdirSync('/proc').filter(
    (entry) => /^\d+$/.test(entry) && namespaceInode(Number(entry), 'net') === named,
  );
  if (users.length > 0) {
    throw new RnetnsError(
      'ERR_IN_USE',
      `attaching container ${plan.containerId} failed on ${plan.netns}: another container of that id runs, process ${users[0] ?? ''}`,
      { hint: 'give it another id' },
    );
  }
  await detachContainer(context, plan);
}

/** Undo it all; gives the error to throw. */
async function undone(context: CniContext, plan: Attach, cause: unknown): Promise<unknown> {
  try {
    await detachContainer({ ...context, interruption: undefined }, plan);
    return cause;
  } catch (error) {
    if (!(cause instanceof RnetnsError)) return cause;
    const why = error instanceof Error ? error.message : String(error);
    return new RnetnsError(cause.code, `${cause.message}; and undoing it failed: ${why}`, {
      hint: `to try again: echo '{"id":"${plan.containerId}","status":"stopped"}' | rnetns oci-hook`,
      cause,
    });
  }
}
