import type { Config, Setting } from './config.js';
import { applyContainersConf, type Appending } from './containers-conf.js';
import { EffectiveSettings } from './effective.js';
import { variable, type Environment } from './environment.js';
import { LOG_LEVEL } from './keys.js';
import { containersConfPlaces, rnetnsConfPlaces, type Place } from './places.js';
import { listDropIns, readSettingsFile } from './read-file.js';
import { applyRnetnsConf } from './rnetns-conf.js';

export interface LoadOptions {
  env: Environment;
  /** `--config FILE`; goes before RNETNS_CONFIG. */
  configFile?: string | undefined;
  /** `--log-level LEVEL`; goes before RNETNS_LOG_LEVEL. */
  logLevel?: string | undefined;
  /** Put before /etc and /usr, for tests. */
  root?: string | undefined;
}

export interface LoadedConfig {
  config: Config;
  /** Every known key, in the order of the file. */
  settings: Setting[];
  /** Every path that was looked at, whether it exists or not: the result is the same as long as these are. */
  inputs: string[];
}

/**
 * The effective settings. Each layer goes over the one before:
 * 1. built in  2. containers.conf(5)  3. rnetns.conf  4. RNETNS_LOG_LEVEL  5. --log-level
 *
 * Synchronous, and a parser is loaded only for a file that is there: this runs before every command.
 *
 * @throws RnetnsError `ERR_CONFIG`: a file cannot be read or a setting is wrong; `ERR_USAGE`: a wrong `logLevel`.
 */
export function loadConfig({ env, configFile, logLevel, root = '' }: LoadOptions): LoadedConfig {
  // 1.
  const effective = new EffectiveSettings();
  const inputs: string[] = [];

  // 2.
  const appending: Appending = new Set();
  for (const place of containersConfPlaces(env, root)) {
    for (const [path, text] of readPlace(place, inputs)) applyContainersConf(effective, text, path, appending);
  }
  // 3.
  for (const place of rnetnsConfPlaces(env, root, configFile)) {
    for (const [path, text] of readPlace(place, inputs)) applyRnetnsConf(effective, text, path);
  }
  // 4.
  const levelOfEnv = variable(env, 'RNETNS_LOG_LEVEL');
  if (levelOfEnv !== undefined) effective.setOne(LOG_LEVEL, levelOfEnv, { source: 'RNETNS_LOG_LEVEL' });
  // 5.
  if (logLevel !== undefined) effective.setOne(LOG_LEVEL, logLevel, { source: '--log-level', code: 'ERR_USAGE' });

  return { config: effective.config, settings: effective.list(), inputs };
}

/** The file of a place and its drop-ins, as far as they exist; every path is noted in `inputs`. */
function* readPlace(place: Place, inputs: string[]): Generator<[path: string, text: string]> {
  const { path, askedBy, dropIns } = place;
  inputs.push(path);
  const text = readSettingsFile(path, askedBy);
  if (text !== undefined) yield [path, text];
  if (dropIns === undefined) return;
  inputs.push(dropIns);
  for (const dropIn of listDropIns(dropIns)) yield* readPlace({ path: dropIn }, inputs);
}
