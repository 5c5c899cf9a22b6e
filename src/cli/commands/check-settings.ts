import { parseArgs } from 'node:util';
import { EXIT } from '../../errors/error.js';
import { loadSettings } from '../context.js';

/** `check-settings [--config FILE] [--log-level LEVEL]`: the launcher's, for settings given to a namespace that is up. */
export function checkSettings(args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: { config: { type: 'string' }, 'log-level': { type: 'string' }, json: { type: 'boolean' } },
  });
  loadSettings({ config: values.config, logLevel: values['log-level'] });
  return EXIT.ok;
}
