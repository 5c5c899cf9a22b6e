import { RnetnsError } from '../../errors/error.js';
import { check, fail, ok } from '../check.js';
import type { Host } from '../host.js';

export const settings = check('settings', {
  gather: ({ settings: loaded }: Host) => loaded,
  judge(loaded) {
    if (loaded instanceof Error) {
      const hint = loaded instanceof RnetnsError ? loaded.hint : undefined;
      return fail(loaded.message, hint ?? 'the other checks are made with the settings that are built in');
    }
    const files = new Set(loaded.settings.map(({ source }) => source).filter((source) => source.startsWith('/')));
    return ok(files.size === 0 ? 'those built in' : `from ${[...files].join(', ')}`);
  },
});
