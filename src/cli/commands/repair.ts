import { Command, Option } from 'commander';
import { closeInherited } from '../../exec/background.js';
import { takeFairShare } from '../../exec/fair-share.js';
import { endOnTerm } from '../../exec/running.js';
import type { Mended } from '../../lifecycle/context.js';
import { repair } from '../../lifecycle/repair.js';
import { makeContext, type CommonOptions } from '../context.js';
import { withoutLock } from '../without-lock.js';
import { exitWith, print } from '../report.js';

export function repairCommand(): Command {
  return new Command('repair')
    .description('reconcile everything of a shared namespace, and say what was mended')
    .option('--json', 'as JSON')
    .addOption(new Option('--generation <id>', 'the launcher holds the lock and a lease on it').hideHelp())
    .addOption(new Option('--absent', 'the launcher saw that there is nothing').hideHelp())
    .addHelpText('after', '\nExamples:\n  rnetns repair\n  rnetns repair --json | jq -r .mended[].detail')
    .action(async (_options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions & { generation?: string; absent?: boolean }>();
      const context = makeContext(options);
      try {
        let mended: Mended[] = [];
        if (options.generation !== undefined) {
          endOnTerm(`mending the namespace ${context.state.name}`, exitWith(options.json === true));
          closeInherited();
          await takeFairShare(context.env);
          mended = await repair(context, options.generation);
        } else withoutLock(context.state, options.absent);
        print(options.json, { mended }, () => describe(mended));
      } finally {
        await context.log.flush();
      }
    });
}

function describe(mended: readonly Mended[]): string {
  if (mended.length === 0) return 'nothing to mend';
  return mended.map(({ part, detail }) => `${part.padEnd(11)} ${detail}`).join('\n');
}
