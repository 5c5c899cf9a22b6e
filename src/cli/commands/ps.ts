import { Command } from 'commander';
import type { Inventory } from '../../inspect/inventory.js';
import { listPorts } from '../../ports/listing.js';
import type { StateDirectory } from '../../state/directory.js';
import type { PortedInventory } from '../describe-inventory.js';
import { stateOf, type CommonOptions } from '../context.js';
import { print, toJson } from '../report.js';
import { bold, screenOf } from '../screen.js';

interface PsOptions extends CommonOptions {
  watch?: boolean;
}

export function psCommand(): Command {
  return new Command('ps')
    .description('the processes in the namespace, the containers on its bridges, and published ports')
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
        const inventory = await withPorts(state, readInventory(state, monotonicMs() - process.uptime() * 1000));
        const text = options.json === true ? '' : await describe(state.name, inventory);
        print(options.json, inventory ?? NOBODY, () => text);
        return;
      }
      const { watch } = await import('../watch.js');
      const inPlace = process.stdout.isTTY && options.json !== true;
      await watch(inPlace, async () => {
        const inventory = await withPorts(state, readInventory(state));
        if (options.json === true) return toJson(inventory ?? NOBODY);
        const { summary } = await import('../describe-inventory.js');
        const head = `${new Date().toTimeString().slice(0, 8)}  ${summary(inventory ?? NOBODY)}`;
        return `${bold(head, screenOf(process.stdout))}\n\n${await describe(state.name, inventory)}${inPlace ? '' : '\n'}`;
      });
    });
}

/** Its columns take as long to load as Node takes to start: who wants JSON does without. */
async function describe(name: string, inventory: PortedInventory | undefined): Promise<string> {
  const { describeInventory } = await import('../describe-inventory.js');
  return describeInventory(name, inventory, screenOf(process.stdout));
}

const NOBODY: PortedInventory = { processes: [], containers: [], ports: [] };

/** A forwarder that is slow to answer is no reason to wait. */
const PORTS_TIMEOUT_MS = 1000;

async function withPorts(
  state: StateDirectory,
  looking: Promise<Inventory | undefined>,
): Promise<PortedInventory | undefined> {
  const [inventory, ports] = await Promise.all([looking, listPorts(state, PORTS_TIMEOUT_MS)]);
  return inventory === undefined ? undefined : { ...inventory, ports };
}

const EXAMPLES = `
Examples:
  rnetns ps
  rnetns ps --watch
  rnetns ps --json | jq -r '.containers[] | "\\(.netns) \\(.addresses[0])"'`;
