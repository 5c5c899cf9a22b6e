import { Argument, Command } from 'commander';
import { RnetnsError } from '../../errors/error.js';
import { namespacePaths, type NamespacePaths } from '../../inspect/paths.js';
import { stateOf, type CommonOptions } from '../context.js';
import { print } from '../report.js';

const NAMES: Record<string, keyof NamespacePaths> = { netns: 'netns', 'resolv.conf': 'resolvConf', state: 'state' };

export function pathCommand(): Command {
  return new Command('path')
    .description('where the namespace, its resolv.conf and its state are, for other programs')
    .addArgument(new Argument('[which]', 'all of them without it').choices(Object.keys(NAMES)))
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExamples:\n  rnetns path state\n  nsenter --net="$(rnetns path netns)" -- ip addr')
    .action((which: string | undefined, _options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const state = stateOf(options);
      const paths = namespacePaths(state);
      if (paths === undefined) {
        throw new RnetnsError('ERR_DOWN', `there is no namespace ${state.name}: it is down`, {
          hint: 'rnetns run or setup makes it',
        });
      }
      const key = which === undefined ? undefined : NAMES[which];
      if (key === undefined) print(options.json, paths, () => describe(paths));
      else print(options.json, paths[key], () => paths[key]);
    });
}

function describe(paths: NamespacePaths): string {
  return Object.entries(NAMES)
    .map(([name, key]) => `${name.padEnd(12)} ${paths[key]}`)
    .join('\n');
}
