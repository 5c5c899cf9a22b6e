import type { Config } from '../config/config.js';
import type { Logger } from '../log/logger.js';
import type { StateDirectory } from '../state/directory.js';

/** What every act on one shared namespace is given. */
export interface Context {
  state: StateDirectory;
  config: Config;
  /** $XDG_RUNTIME_DIR or what stands for it. */
  runtimeDir: string;
  /** Environment for every program we start: searched in its PATH, and with nothing of the caller's unit in it. */
  env: Readonly<Record<string, string>>;
  log: Logger;
}
