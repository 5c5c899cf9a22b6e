import { Command } from 'commander';
import type { Inventory } from '../../inspect/inventory.js';
import { stateOf, type CommonOptions } from '../context.js';
import { print, toJson } from '../report.js';
import { bold, screenOf } from '../screen.js';

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
      const { describeInventory, summary } = await import('../describe-inventory.js');
      const { monotonicMs } = await import('../../inspect/shared-answer.js');
      if (options.watch !== true) {
        // The question was put when we were started.
        const inventory = await readInventory(state, monotonicMs() - process.uptime() * 1000);
        print(options.json, inventory ?? NOBODY, () =>
          describeInventory(state.name, inventory, screenOf(process.stdout)),
        );
        return;
      }
      const { watch } = await import('../watch.js');
      const inPlace = process.stdout.isTTY && options.json !== true;
      await watch(inPlace, async () => {
        const inventory = await readInventory(state);
        if (options.json === true) return toJson(inventory ?? NOBODY);
        const screen = screenOf(process.stdout);
        const head = `${new Date().toTimeString().slice(0, 8)}  ${summary(inventory ?? NOBODY)}`;
        return `${bold(head, screen)}\n\n${describeInventory(state.name, inventory, screen)}${inPlace ? '' : '\n'}`;
      });
    });
}

const NOBODY: Inventory = { processes: [], containers: [] };

const EXAMPLES = `
Examples:
  rnetns ps
  rnetns ps --watch
  rnetns ps --json | jq -r '.containers[] | "\\(.netns) \\(.addresses[0])"'`;
