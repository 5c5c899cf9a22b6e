import { RnetnsError } from '../../errors/error.js';
import { check, fail, ok, warn } from '../check.js';
import type { Host } from '../host.js';

export const settings = check('settings', {
  gather: ({ settings: loaded }: Host) => loaded,
  judge(loaded) {
    if (loaded instanceof Error) {
      const hint = loaded instanceof RnetnsError ? loaded.hint : undefined;
      return fail(loaded.message, hint ?? 'the other checks are made with the settings that are built in');
    }
    const files = new Set(loaded.settings.map(({ source }) => source).filter((source) => source.startsWith('/')));
    const where = files.size === 0 ? 'those built in' : `from ${[...files].join(', ')}`;
    if (loaded.warnings.length === 0) return ok(where);
    return warn(
      `${where}; ${loaded.warnings.join('; ')}`,
      'log in properly, or set HOME: su and sudo -E keep that of the user before',
    );
  },
});
