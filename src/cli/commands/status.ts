import { Command } from 'commander';
import { readStatus } from '../../inspect/status.js';
import { stateOf, type CommonOptions } from '../context.js';
import { describeStatus } from '../describe-status.js';
import { print } from '../report.js';
import { screenOf } from '../screen.js';

export function statusCommand(): Command {
  return new Command('status')
    .description('one shared namespace: state, driver, addresses, DNS, references, processes')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExamples:\n  rnetns status\n  rnetns status --json | jq -r .state')
    .action(async (_options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const status = await readStatus(stateOf(options), { askDriver: options.json === true });
      print(options.json, status, () => describeStatus(status, screenOf(process.stdout)));
    });
}
