import { Command } from 'commander';
import type { Setting } from '../../config/config.js';
import { Logger } from '../../log/logger.js';
import { loadSettings, type CommonOptions } from '../context.js';
import { print } from '../report.js';

export function configCommand(): Command {
  return new Command('config')
    .description('the effective settings and the file each came from')
    .option('--json', 'as JSON')
    .action((_options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const { settings, config, warnings } = loadSettings(options);
      const log = new Logger(config.rnetns.logLevel);
      for (const warning of warnings) log.warn(warning);
      print(options.json, settings, () => settings.map(describeSetting).join('\n'));
    });
}

function describeSetting({ key, value, source }: Setting): string {
  const text = Array.isArray(value) ? value.join(' ') : String(value ?? '');
  return `${key.padEnd(42)} ${text.padEnd(30)} ${source}`;
}
