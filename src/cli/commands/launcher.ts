import { Command, Option } from 'commander';
import { RnetnsError } from '../../errors/error.js';

/**
 * The commands of scripts/rnetns, here for their help: the launcher hands `--help` and wrong usage to Node and does
 * everything else itself.
 */
export function launcherCommands(): Record<'run' | 'shell' | 'unshare' | 'setup' | 'teardown' | 'lock', Command> {
  return {
    run: describe('run', '[--] <cmd> [arg...]', 'run CMD in the shared namespace, made if need be; becomes CMD', [
      'rnetns run -- curl -s https://example.org',
      'rnetns run -n lab -- ip addr',
      'rnetns run -p 8080:80 -- python3 -m http.server 80',
    ]).addOption(PUBLISH),
    shell: describe('shell', '', 'run your $SHELL in the shared namespace', ['rnetns shell']).addOption(PUBLISH),
    unshare: describe(
      'unshare',
      '[--] <cmd> [arg...]',
      "run CMD in its user and mount namespace, on the host's network",
      ['rnetns unshare -- id'],
    ),
    setup: describe('setup', '[-- <cmd> [arg...]]', 'run CMD inside, then count a reference that keeps the namespace', [
      'rnetns setup --id web --pid 4711',
      'rnetns setup --id web -- /usr/lib/cni/bridge',
    ])
      .addOption(ID)
      .addOption(NETS)
      .option('--pid <pid>', 'tie the reference to this process: it goes when that dies')
      .addOption(PUBLISH),
    teardown: describe(
      'teardown',
      '[-- <cmd> [arg...]]',
      'run CMD inside, then drop the reference; after the last, tear down',
      ['rnetns teardown --id web', 'rnetns teardown --id web -- /usr/lib/cni/bridge'],
    )
      .addOption(ID)
      .addOption(NETS),
    lock: describe('lock', '[--] <cmd> [arg...]', 'run CMD, on the host, while holding the lock of the namespace', [
      'rnetns lock -- my-repair-tool "$(rnetns path state)"',
    ]),
  };
}

const ID = new Option('--id <id>', 'the reference: counted once, however often it is set up');
const PUBLISH = new Option('-p, --publish <port...>', 'publish a port for as long, as rnetns port add does');
const NETS = new Option('--nets <n>', 'how many networks it counts for (default: 1)');

function describe(name: string, usage: string, description: string, examples: string[]): Command {
  const command = new Command(name)
    .usage(`[options] ${usage}`.trim())
    .description(description)
    .option('--json', 'errors as JSON')
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`)
    .action(() => {
      throw new RnetnsError('ERR_USAGE', `${name} is a command of the launcher`, {
        hint: 'call the rnetns program itself, not dist/cli/main.cjs',
      });
    });
  return usage === '' ? command : command.argument('[cmd...]');
}
