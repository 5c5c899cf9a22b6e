import { text as readAll } from 'node:stream/consumers';
import { Command, Option } from 'commander';
import type { CommonOptions } from '../context.js';
import type { NetavarkOptions } from '../netavark/call.js';
import { setUp, tearDown } from '../netavark/connect.js';
import { update } from '../netavark/update.js';
import { timeoutOption } from '../timeout-option.js';

export function netavarkCommand(): Command {
  const netavark = new Command('netavark')
    .description('call netavark inside the shared namespace, for a container')
    .addOption(timeoutOption('for each call of netavark', 60))
    .option('--aardvark-binary <file>', 'aardvark-dns, as podman says it; else it is looked for as netavark is')
    .addOption(
      new Option('--plugin-directory <directory>', "of netavark's plugins, as podman says it; may be repeated")
        .default([], 'none')
        .argParser((directory, others: string[]) => [...others, directory]),
    )
    .addOption(
      new Option('--rootless <yes>', 'taken as podman says it: netavark is always told that it is')
        .choices(['true', 'false'])
        .hideHelp(),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  rnetns netavark setup web <options.json\n  rnetns netavark teardown web <options.json',
    );
  for (const act of ['setup', 'teardown'] as const) {
    netavark
      .command(act)
      .description(
        act === 'setup'
          ? "podman's network options on stdin; the container's id becomes a reference"
          : 'the same options on stdin; drops the reference',
      )
      .argument('<netns>', 'path of the network namespace, or the name of one of `rnetns netns`')
      .action(async (netns: string, _options: CommonOptions, command: Command) => {
        const connect = act === 'setup' ? setUp : tearDown;
        process.exitCode = await connect(
          netns,
          await readAll(process.stdin),
          command.optsWithGlobals<NetavarkOptions>(),
        );
      });
  }
  netavark
    .command('update')
    .description("change a network's DNS servers")
    .argument('<network>')
    .requiredOption('--network-dns-servers <list>', 'addresses, with commas')
    .action(async (network: string, _options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<NetavarkOptions & { networkDnsServers: string }>();
      process.exitCode = await update(network, options.networkDnsServers, options);
    });
  return netavark;
}
