import { Command } from 'commander';
import { RnetnsError } from '../../errors/error.js';

/**
 * The commands of scripts/rnetns, here for their help: the launcher hands `--help` and wrong usage to Node and does
 * everything else itself.
 */
export function launcherCommands(): Command[] {
  return [
    describe('run', '[--] <cmd> [arg...]', 'run CMD in the shared namespace, made if need be; becomes CMD', [
      'rnetns run -- curl -s https://example.org',
      'rnetns run -n lab -- ip addr',
    ]),
    describe('shell', '', 'run your $SHELL in the shared namespace', ['rnetns shell']),
    describe('unshare', '[--] <cmd> [arg...]', "run CMD in its user and mount namespace, on the host's network", [
      'rnetns unshare -- id',
    ]),
    describe('repair', '', 'mend what has died of a shared namespace; does nothing where there is none', [
      'rnetns repair',
    ]),
  ];
}

function describe(name: string, usage: string, description: string, examples: string[]): Command {
  return new Command(name)
    .usage(`[options] ${usage}`.trim())
    .description(description)
    .argument('[cmd...]')
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`)
    .action(() => {
      throw new RnetnsError('ERR_USAGE', `${name} is a command of the launcher`, {
        hint: 'call the rnetns program itself, not dist/cli/main.js',
      });
    });
}
