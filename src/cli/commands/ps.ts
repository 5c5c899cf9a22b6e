import { Command } from 'commander';
import { stateOf, type CommonOptions } from '../context.js';
import { print } from '../report.js';

export function psCommand(): Command {
  return new Command('ps')
    .description('the processes in the namespace, and the containers on its bridges')
    .option('--json', 'as JSON')
    .action(async (_options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const { readInventory } = await import('../../inspect/inventory.js');
      const { monotonicMs } = await import('../../inspect/shared-answer.js');
      const inventory = await readInventory(stateOf(options), monotonicMs() - process.uptime() * 1000);
      print(options.json, inventory ?? { processes: [], containers: [] }, () => JSON.stringify(inventory));
    });
}
