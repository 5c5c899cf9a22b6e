import { RnetnsError } from '../errors/error.js';
import { isInside } from '../namespace/inside.js';
import { isLocalhost, parseIp } from '../plan/ip.js';
import type { StateDirectory } from '../state/directory.js';
import { readLive } from '../state/live.js';
import { closePorts } from './close.js';
import { readPorts } from './desired.js';
import { generationUp } from './place.js';
import { hostSide, plainPort, type AttachmentOwner, type Port } from './port.js';
import { checkNetwork, checkPorts, publishPorts } from './publish.js';
import type { PortRequest } from './specification.js';
import type { ForwarderSurroundings } from './start-forwarder.js';

/**
 * Theory of operation: ports of containers on the host
 *
 * A container's ports lead straight to its address on the network that it is attached to: the forwarder connects there from the
 * shared namespace. What portmap and netavark make of the same ports are rules for those in that namespace, who have the port at
 * an address of its own. To go by these rules would need a plugin that makes them, for loopback, UDP and IPv6 too, and an address of the
 * host's that is none there could not be told from another one.
 *
 * 1. before anything is made: what stands against it
 * 2. the container has its address, and isn't counted yet: open, all or none. When this fails the attachment fails, and is undone
 * 3. before it is taken off: close. Its address may be another one's a moment later
 *
 * They are the attachment's (owner.ts), so they are closed whichever way it ends. A container may be given the same ports with each of
 * its networks, as runtimes do: those that it has already stay where they are.
 */
export interface ContainerAddress {
  owner: AttachmentOwner;
  /** Without its prefix length. */
  ip: string;
}

/**
 * Step 1.
 *
 * @throws RnetnsError ERR_PORT; ERR_NETNS: we are inside, where nothing of the host's can be opened.
 */
export async function checkContainerPorts(
  state: StateDirectory,
  container: string,
  asked: readonly PortRequest[],
): Promise<void> {
  if (asked.length === 0) return;
  if (isInside(state)) generationUp(state, 'publish a port');
  const live = readLive(state);
  if (live !== undefined) checkNetwork(live.supervisor.pid, WITHOUT_PORTS);
  const more = withoutThose(asked, portsOf(state, container));
  await checkPorts(state, more.map(plainPort));
}

const WITHOUT_PORTS =
  'a runtime with a network and a forwarder of its own, as podman, opens them itself: leave portMappings out of the capabilities; ' +
  'or call it on the network of the host';

/**
 * Step 2.
 *
 * @param addresses - of the container, those of the network that is to be preferred first.
 * @throws RnetnsError ERR_PORT; none of them is open then that wasn't.
 */
export async function publishContainerPorts(
  around: Omit<ForwarderSurroundings, 'generation'>,
  container: string,
  addresses: readonly ContainerAddress[],
  asked: readonly PortRequest[],
): Promise<void> {
  const more = withoutThose(asked, portsOf(around.state, container));
  if (more.length === 0) return;
  const generation = generationUp(around.state, 'publish a port');
  await publishPorts({ ...around, generation }, planContainerPorts(addresses, more));
}

/** Step 3. */
export async function closeAttachmentPorts(
  state: StateDirectory,
  attachment: Pick<AttachmentOwner, 'container' | 'network' | 'ifName'>,
): Promise<void> {
  const { container, network, ifName } = attachment;
  await closePorts(
    state,
    ({ owner }) =>
      owner.kind === 'attachment' &&
      owner.container === container &&
      owner.network === network &&
      owner.ifName === ifName,
  );
}

/** Where each leads: to an address of the family that is asked for on the host, else of IPv4, else to the one that there is. */
export function planContainerPorts(addresses: readonly ContainerAddress[], asked: readonly PortRequest[]): Port[] {
  // What listens on its loopback alone is not published (CVE-2021-20199), and an address of that kind would be the namespace's.
  const usable = addresses.flatMap(({ owner, ip }) => {
    const parsed = parseIp(ip);
    return parsed === undefined || isLocalhost(parsed) ? [] : [{ owner, ip, kind: parsed.kind }];
  });
  return asked.map((port): Port => {
    const wanted = port.hostIp.includes(':') ? 'ipv6' : 'ipv4';
    const address = usable.find(({ kind }) => kind === wanted) ?? usable[0];
    if (address === undefined) {
      throw new RnetnsError('ERR_PORT', `cannot publish ${hostSide(port)}: the container has no address`, {
        hint: 'a network with IPAM gives it one',
      });
    }
    const { owner, ip } = address;
    return { ...plainPort(port), targetIp: ip, owner };
  });
}

function portsOf(state: StateDirectory, container: string): Port[] {
  return [...readPorts(state).values()].filter(
    ({ owner }) => owner.kind === 'attachment' && owner.container === container,
  );
}

function withoutThose(asked: readonly PortRequest[], there: readonly Port[]): PortRequest[] {
  return asked.filter(
    (port) => !there.some((other) => hostSide(other) === hostSide(port) && other.targetPort === port.targetPort),
  );
}
