import { createRequire } from 'node:module';

/**
 * Loads a module at the moment it is needed, synchronously.
 *
 * Settings are read on the way to every command, and most hosts have no settings file at all: `smol-toml`, `ini` and
 * `node:net` take 2 to 4 ms each and are loaded only by the file or value that needs them. `node:crypto` takes 3 ms.
 */
export const lazyRequire = createRequire(import.meta.url);
