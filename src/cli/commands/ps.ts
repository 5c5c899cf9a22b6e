import { Command } from 'commander';
import type { ContainerLink, Inventory, ProcessEntry } from '../../inspect/inventory.js';
import { stateOf, type CommonOptions } from '../context.js';
import { print, toJson } from '../report.js';
import { bold, screenOf, table, type Screen } from '../table.js';
import { age, count } from '../words.js';

interface PsOptions extends CommonOptions {
  watch?: boolean;
}

export function psCommand(): Command {
  return new Command('ps')
    .description('the processes in the namespace, and the containers on its bridges')
    .option('--json', 'as JSON')
    .option(
      '--watch',
      'anew each second, until q or Ctrl-C; with --json, or where stdout is no terminal, one after the other',
    )
    .addHelpText('after', EXAMPLES)
    .action(async (_options: PsOptions, command: Command) => {
      const options = command.optsWithGlobals<PsOptions>();
      const state = stateOf(options);
      const { readInventory } = await import('../../inspect/inventory.js');
      const { monotonicMs } = await import('../../inspect/shared-answer.js');
      if (options.watch !== true) {
        // The question was put when we were started.
        const inventory = await readInventory(state, monotonicMs() - process.uptime() * 1000);
        print(options.json, inventory ?? NOBODY, () => describe(state.name, inventory, screenOf(process.stdout)));
        return;
      }
      const { watch } = await import('../watch.js');
      const inPlace = process.stdout.isTTY && options.json !== true;
      await watch(inPlace, async () => {
        const inventory = await readInventory(state);
        if (options.json === true) return toJson(inventory ?? NOBODY);
        const screen = screenOf(process.stdout);
        const head = `${new Date().toTimeString().slice(0, 8)}  ${summary(inventory)}`;
        return `${bold(head, screen)}\n\n${describe(state.name, inventory, screen)}${inPlace ? '' : '\n'}`;
      });
    });
}

const NOBODY: Inventory = { processes: [], containers: [] };

const EXAMPLES = `
Examples:
  rnetns ps
  rnetns ps --watch
  rnetns ps --json | jq -r '.containers[] | "\\(.netns) \\(.addresses[0])"'`;

function summary(inventory: Inventory = NOBODY): string {
  const { processes, containers } = inventory;
  const inodes = new Set(containers.map(({ inode }) => inode));
  return `${count(processes.length, 'process', 'processes')}, ${count(inodes.size, 'container')}`;
}

function describe(name: string, inventory: Inventory | undefined, screen: Screen): string {
  if (inventory === undefined) return `${name}: down`;
  const { processes, containers } = inventory;
  return [
    processes.length === 0 ? 'no process in it' : describeProcesses(processes, screen),
    containers.length === 0 ? 'no container on its bridges' : describeContainers(containers, screen),
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
