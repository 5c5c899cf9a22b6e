import { Command, Option } from 'commander';
import { endOnTerm } from '../../exec/running.js';
import { stop } from '../../lifecycle/stop.js';
import { makeContext, type CommonOptions } from '../context.js';
import { withoutLock } from '../without-lock.js';
import { exitWith } from '../report.js';

export function stopCommand(): Command {
  return new Command('stop')
    .description('tear the shared namespace down; refused while it is used')
    .option('--force', 'also while it is used: ends the commands in it')
    .option('--json', 'errors as JSON')
    .addOption(new Option('--unused', 'teardown dropped the last reference').hideHelp())
    .addOption(new Option('--locked', 'the launcher holds the lock').hideHelp())
    .addOption(new Option('--absent', 'the launcher saw that there is nothing').hideHelp())
    .addHelpText('after', '\nExamples:\n  rnetns stop\n  rnetns stop --force -n lab')
    .action(async (_options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<
        CommonOptions & { force?: boolean; unused?: boolean; locked?: boolean; absent?: boolean }
      >();
      const context = makeContext(options, { givenOnly: true });
      if (options.locked !== true) {
        withoutLock(context.state, options.absent);
        return;
      }
      endOnTerm(`stopping the namespace ${context.state.name}`, exitWith(options.json === true));
      try {
        await stop(context, { force: options.force === true, unused: options.unused === true });
      } finally {
        await context.log.flush();
      }
    });
}
