import { Command, Option } from 'commander';
import { RnetnsError } from '../../errors/error.js';
import { stop } from '../../lifecycle/stop.js';
import { checkWritable, statStateDirectory } from '../../state/directory.js';
import { makeContext, type CommonOptions } from '../context.js';

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
      const context = makeContext(options);
      // Says what is wrong with it, if anything is; the launcher only locks what is the caller's own.
      if (options.locked !== true) {
        if (statStateDirectory(context.state) === undefined || options.absent === true) return;
        checkWritable(context.state);
        throw new RnetnsError('ERR_STATE_DIR', `cannot lock the state directory ${context.state.path}`, {
          hint: 'it must be a directory of your own; flock(1) of util-linux must be installed',
        });
      }
      try {
        await stop(context, { force: options.force === true, unused: options.unused === true });
      } finally {
        await context.log.flush();
      }
    });
}
