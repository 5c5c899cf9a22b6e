import { Command } from 'commander';
import { listNamespaces } from '../../inspect/list.js';
import { stateBase, type CommonOptions } from '../context.js';
import { print } from '../report.js';

export function listCommand(): Command {
  return new Command('list')
    .description("all the caller's shared namespaces, a line each")
    .option('--json', 'as JSON')
    .action(async (_options: CommonOptions, command: Command) => {
      const all = await listNamespaces(stateBase());
      print(command.optsWithGlobals<CommonOptions>().json, all, () =>
        all.length === 0
          ? 'no shared namespace'
          : all
              .map(({ name, state, driver, processes }) =>
                [
                  name.padEnd(20),
                  state.padEnd(9),
                  (driver?.name ?? '-').padEnd(12),
                  `${processes ?? 0} process${processes === 1 ? '' : 'es'}`,
                ].join(' '),
              )
              .join('\n'),
      );
    });
}
