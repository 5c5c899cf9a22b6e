import type { ContainerLink, Inventory, ProcessEntry } from '../inspect/inventory.js';
import { containersInWords, processesInWords } from '../text/users.js';
import { age } from '../text/words.js';
import { countInventory } from '../inspect/counts.js';
import type { ListedPort } from '../ports/listing.js';
import { describePorts } from './describe-ports.js';
import type { Screen } from './screen.js';
import { table } from './table.js';

/** As `rnetns ps --json` prints it. */
export interface PortedInventory extends Inventory {
  ports: ListedPort[];
}

/** How much there is, for the head of a list. */
export function summary(inventory: Inventory): string {
  const { processes, containers, contained } = countInventory(inventory);
  const within = contained === 0 ? '' : ` with ${processesInWords(contained)}`;
  return `${processesInWords(processes)}, ${containersInWords(containers)}${within}`;
}

/** Processes and containers in words, as tables; a namespace that is down has none. */
export function describeInventory(name: string, inventory: PortedInventory | undefined, screen: Screen): string {
  if (inventory === undefined) return `${name}: down`;
  const { processes, containers, ports } = inventory;
  return [
    processes.length === 0 ? 'no process in it' : describeProcesses(processes, screen),
    containers.length === 0 ? 'no container on its bridges' : describeContainers(containers, screen),
    ...(ports.length === 0 ? [] : [describePorts(ports, screen)]),
  ].join('\n\n');
}

function describeProcesses(processes: readonly ProcessEntry[], screen: Screen): string {
  return table(
    ['PID', 'UID', 'SINCE', 'LEASE', 'IN', 'COMMAND'],
    processes.map(({ pid, uid, started, lease, netns, command }) => [
      String(pid),
      String(uid),
      age(started),
      lease ? 'yes' : 'no',
      netns ?? '-',
      command.join(' '),
    ]),
    screen,
  );
}

function describeContainers(containers: readonly ContainerLink[], screen: Screen): string {
  // Most runtimes name the network namespace themselves, and then there is nothing more to tell.
  const ids = containers.some(({ id }) => id !== null);
  return table(
    ['CONTAINER', ...(ids ? ['ID'] : []), 'PID', 'BRIDGE', 'INTERFACES', 'MAC', 'STATE', 'ADDRESSES'],
    containers.map(({ netns, id, pid, bridge, hostInterface, interface: inside, mac, state, addresses }) => [
      netns,
      ...(ids ? [id ?? '-'] : []),
      String(pid ?? '-'),
      bridge,
      `${hostInterface}-${inside}`,
      mac,
      state,
      addresses.length === 0 ? '-' : addresses.join(' '),
    ]),
    screen,
  );
}
