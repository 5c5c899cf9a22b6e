import type { Config } from '../config/config.js';
import type { Inputs } from '../config/inputs.js';
import type { OwnSources } from '../config/without-effect.js';
import type { Logger } from '../log/logger.js';
import type { StateDirectory } from '../state/directory.js';

/** What every act on one shared namespace is given. */
export interface Context {
  state: StateDirectory;
  config: Config;
  /** Which of these settings were written for rnetns. */
  own: OwnSources;
  /** $XDG_RUNTIME_DIR or what stands for it. */
  runtimeDir: string;
  /** Environment for every program we start: searched in its PATH, and with nothing of the caller's unit in it. */
  env: Readonly<Record<string, string>>;
  /** What settings and plan were made from. */
  inputs: Inputs;
  log: Logger;
  /** Everything that was mended so far, for the report of `repair`. */
  mended: Mended[];
}

/** One thing that was not as it should be, and now is. */
export interface Mended {
  part: 'namespace' | 'netns' | 'guard' | 'supervisor' | 'keeper' | 'live' | 'reference' | 'file';
  /** One line. */
  detail: string;
}

export function noteMended({ mended, log }: Context, part: Mended['part'], detail: string): void {
  mended.push({ part, detail });
  log.info(`${part}: ${detail}`);
}
