import { Command } from 'commander';
import type { Config, Setting } from '../../config/config.js';
import { processEnvironment } from '../../config/environment.js';
import { settingsWithoutEffect, type OwnSources } from '../../config/without-effect.js';
import { RnetnsError } from '../../errors/error.js';
import { searchPath } from '../../exec/find-program.js';
import { Logger } from '../../log/logger.js';
import { loadSettings, type CommonOptions } from '../context.js';
import { print } from '../report.js';

export function configCommand(): Command {
  return new Command('config')
    .description('the effective settings and the file each came from')
    .option('--json', 'as JSON')
    .action(async (_options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const { settings, config, own, warnings } = loadSettings(options);
      const log = new Logger(config.rnetns.logLevel);
      for (const warning of [...warnings, ...(await withoutEffect(config, own))]) log.warn(warning);
      print(options.json, settings, () => settings.map(describeSetting).join('\n'));
    });
}

/** None where no driver is found: then that is what is wrong, and `run` says it. */
async function withoutEffect(config: Config, own: OwnSources): Promise<string[]> {
  // What is as podman's, or built in, needs no look for programs.
  if (own.size === 0) return [];
  const { findDriver } = await import('../../driver/choose.js');
  try {
    const { driver } = findDriver(config, searchPath(processEnvironment().PATH).split(':'));
    return settingsWithoutEffect(config, own, driver.name);
  } catch (error) {
    if (error instanceof RnetnsError) return [];
    throw error;
  }
}

function describeSetting({ key, value, source }: Setting): string {
  const text = Array.isArray(value) ? value.join(' ') : String(value ?? '');
  return `${key.padEnd(42)} ${text.padEnd(30)} ${source}`;
}
