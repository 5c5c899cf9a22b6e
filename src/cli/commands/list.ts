import { Command } from 'commander';
import { usersInWords } from '../../text/users.js';
import { listNamespaces } from '../../inspect/list.js';
import { stateBase, type CommonOptions } from '../context.js';
import { print } from '../report.js';

export function listCommand(): Command {
  return new Command('list')
    .description("all the caller's shared namespaces, a line each")
    .option('--json', 'as JSON')
    .action(async (_options: CommonOptions, command: Command) => {
      const { json = false } = command.optsWithGlobals<CommonOptions>();
      const all = await listNamespaces(stateBase(), { askDriver: json });
      print(json, all, () =>
        all.length === 0
          ? 'no shared namespace'
          : all
              .map((status) =>
                [
                  status.name.padEnd(20),
                  status.state.padEnd(9),
                  (status.driver?.name ?? '-').padEnd(12),
                  usersInWords(status).join(', ') || 'unused',
                ].join(' '),
              )
              .join('\n'),
      );
    });
}
