import type * as Crypto from 'node:crypto';
import { checkIfName, checkNetworkName } from '../cni/names.js';
import { quote } from '../config/bad-setting.js';
import { lazyRequire } from '../config/lazy-require.js';
import { RnetnsError } from '../errors/error.js';
import type { ContainerState } from './state.js';

/** The network of a container for which none is named. */
export const DEFAULT_NETWORK = 'rnetns';
/** A container's own list of networks, with commas; it counts more than that of the command line. */
export const NETWORKS_ANNOTATION = 'rnetns.networks';

/** The ports of the host that are to lead to the container, as `rnetns port add` has them, with commas. */
export const PORTS_ANNOTATION = 'rnetns.ports';

/** An interface of the container, and the network that it is on. */
export interface PlannedInterface {
  network: string;
  ifName: string;
}

/** What is to be done for a container at this moment of its life. Pure. */
export type HookPlan =
  | {
      kind: 'attach';
      containerId: string;
      /** The name that its network namespace gets. */
      netns: string;
      pid: number;
      interfaces: readonly PlannedInterface[];
      /** Specifications of ports of the host; of the first network. */
      ports: readonly string[];
    }
  | { kind: 'detach'; containerId: string; netns: string };

/**
 * The status tells the stage: `creating` (runc, and the specification) or `created` (crun) at createRuntime and at
 * prestart, `stopped` at poststop.
 *
 * @param networks - `NETWORK` or `NETWORK:INTERFACE`, of the command line; interfaces are eth0, eth1, … where none is given.
 * @throws RnetnsError ERR_USAGE: no stage for it, or two networks on one interface. CniError: a bad name.
 */
export function planHook(state: ContainerState, networks: readonly string[]): HookPlan {
  const { id, status, pid, annotations } = state;
  const netns = netnsName(id);
  switch (status) {
    case 'creating':
    case 'created': {
      if (pid === undefined) throw wrongStage(`container ${id} is ${status}, but the runtime gives no pid`);
      const annotated = annotations[NETWORKS_ANNOTATION]?.split(',').map((network) => network.trim());
      const chosen = annotated ?? (networks.length === 0 ? [DEFAULT_NETWORK] : networks);
      const ports = (annotations[PORTS_ANNOTATION] ?? '').split(',').map((port) => port.trim());
      return {
        ...{ kind: 'attach', containerId: id, netns, pid },
        ...{ interfaces: planInterfaces(chosen), ports: ports.filter((port) => port !== '') },
      };
    }
    case 'stopped':
      return { kind: 'detach', containerId: id, netns };
    default:
      throw wrongStage(`container ${id} has the status ${quote(status)}`);
  }
}

function wrongStage(why: string): RnetnsError {
  return new RnetnsError('ERR_USAGE', `cannot tell what to do: ${why}`, {
    hint: 'oci-hook is a hook of the stages createRuntime (or prestart) and poststop',
  });
}

function planInterfaces(networks: readonly string[]): PlannedInterface[] {
  const interfaces = networks.map((text, index) => {
    const [network = '', ifName = `eth${index}`] = text.split(/:(.*)/s);
    checkNetworkName(network);
    checkIfName(ifName);
    return { network, ifName };
  });
  const ifName = firstTwice(interfaces.map((each) => each.ifName));
  if (ifName !== undefined) {
    throw new RnetnsError('ERR_USAGE', `two networks are to be on the interface ${ifName}`, {
      hint: 'give each another one: --network NETWORK:INTERFACE',
    });
  }
  const network = firstTwice(interfaces.map((each) => each.network));
  if (network === undefined) return interfaces;
  throw new RnetnsError('ERR_USAGE', `the container is to be on the network ${network} twice`, {
    hint: 'name each network once',
  });
}

function firstTwice(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) !== index);
}

/** Of a named network namespace, 64 characters; an id may have 128, and podman's have 64 by themselves. */
const NAME_MAX = 64;

/** The name of a container's network namespace: the same for the same id, and another for another one. */
export function netnsName(id: string): string {
  const name = `oci-${id}`;
  if (name.length <= NAME_MAX) return name;
  const { createHash } = lazyRequire('node:crypto') as typeof Crypto;
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 16);
  return `${name.slice(0, NAME_MAX - 1 - hash.length)}-${hash}`;
}
