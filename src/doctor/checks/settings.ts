import { settingsWithoutEffect } from '../../config/without-effect.js';
import { RnetnsError } from '../../errors/error.js';
import { check, fail, ok, warn } from '../check.js';
import type { Host } from '../host.js';
import { chosenDriver } from './drivers.js';

export const settings = check('settings', {
  gather(host: Host) {
    const { settings: loaded } = host;
    const found = chosenDriver(host);
    const hasNone = loaded instanceof Error || found instanceof RnetnsError;
    return { loaded, told: hasNone ? [] : settingsWithoutEffect(loaded.config, loaded.own, found.driver.name) };
  },
  judge({ loaded, told }) {
    if (loaded instanceof Error) {
      const hint = loaded instanceof RnetnsError ? loaded.hint : undefined;
      return fail(loaded.message, hint ?? 'the other checks are made with the settings that are built in');
    }
    const files = new Set(loaded.settings.map(({ source }) => source).filter((source) => source.startsWith('/')));
    const where = files.size === 0 ? 'those built in' : `from ${[...files].join(', ')}`;
    if (loaded.warnings.length === 0) {
      if (told.length === 0) return ok(where);
      return warn([where, ...told].join('; '), 'take it out of that file, or have it followed');
    }
    return warn(
      [where, ...loaded.warnings, ...told].join('; '),
      'log in properly, or set HOME: su and sudo -E keep that of the user before',
    );
  },
});
