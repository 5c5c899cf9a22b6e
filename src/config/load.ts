import type { Config, Setting } from './config.js';
import { applyContainersConf, type Appending } from './containers-conf.js';
import { EffectiveSettings } from './effective.js';
import { variable, type Environment } from './environment.js';
import { Inputs } from './inputs.js';
import { LOG_LEVEL } from './keys.js';
import { containersConfPlaces, rnetnsConfPlaces, type Place } from './places.js';
import { listDropIns, readSettingsFile } from './read-file.js';
import { applyRnetnsConf } from './rnetns-conf.js';
import type { OwnSources } from './without-effect.js';

export interface LoadOptions {
  env: Environment;
  /** `--config FILE`; goes before RNETNS_CONFIG. */
  configFile?: string | undefined;
  /** `--log-level LEVEL`; goes before RNETNS_LOG_LEVEL. */
  logLevel?: string | undefined;
  /** Only what is named by hand, and the built-in settings below it: for what needs no settings. */
  givenOnly?: boolean | undefined;
  /** Put before /etc and /usr, for tests. */
  root?: string | undefined;
  /** Notes every path that was looked at, whether it exists or not: the result is the same as long as these are. */
  inputs?: Inputs | undefined;
}

export interface LoadedConfig {
  config: Config;
  /** Every known key, in the order of the file. */
  settings: Setting[];
  /** Where what was written for rnetns is from, and not for podman: see {@link settingsWithoutEffect}. */
  own: OwnSources;
  /** Standard places that were out of reach: a line for each reason. */
  warnings: string[];
}

/**
 * The effective settings. Each layer goes over the one before:
 * 1. built in  2. containers.conf(5)  3. rnetns.conf  4. RNETNS_LOG_LEVEL  5. --log-level
 *
 * Synchronous, and a parser is loaded only for a file that is there: this runs before every command.
 *
 * @throws RnetnsError `ERR_CONFIG`: a file cannot be read or a setting is wrong; `ERR_USAGE`: a wrong `logLevel`.
 */
export function loadConfig({
  env,
  configFile,
  logLevel,
  givenOnly = false,
  root = '',
  inputs = new Inputs(),
}: LoadOptions): LoadedConfig {
  // 1.
  const effective = new EffectiveSettings();
  const looked: Looked = { inputs, skipped: new Map() };
  const wanted = (place: Place) => !givenOnly || place.askedBy !== undefined;

  // 2.
  const appending: Appending = new Set();
  for (const place of containersConfPlaces(env, root, inputs).filter(wanted)) {
    for (const [path, text] of readPlace(place, looked)) applyContainersConf(effective, text, path, appending);
  }
  // 3.
  for (const place of rnetnsConfPlaces(env, root, configFile, inputs).filter(wanted)) {
    for (const [path, text] of readPlace(place, looked)) applyRnetnsConf(effective, text, path);
  }
  // 4.
  const levelOfEnv = variable(env, 'RNETNS_LOG_LEVEL');
  if (levelOfEnv !== undefined) effective.setOne(LOG_LEVEL, levelOfEnv, { source: 'RNETNS_LOG_LEVEL' });
  // 5.
  if (logLevel !== undefined) effective.setOne(LOG_LEVEL, logLevel, { source: '--log-level', code: 'ERR_USAGE' });

  return {
    config: effective.config,
    settings: effective.list(),
    own: effective.own(),
    warnings: wordsOf(looked),
  };
}

interface Looked {
  inputs: Inputs;
  /** Paths by the reason for which they were left out. */
  skipped: Map<string, string[]>;
}

function wordsOf({ skipped }: Looked): string[] {
  return [...skipped].map(([why, paths]) => `no settings were read from ${paths.join(', ')}: ${why}`);
}

/** The file of a place and its drop-ins, as far as they exist; every path is noted. */
function* readPlace(place: Place, looked: Looked): Generator<[path: string, text: string]> {
  const { path, askedBy, dropIns } = place;
  const { inputs, skipped } = looked;
  const skip = (file: string, why: string) => skipped.set(why, [...(skipped.get(why) ?? []), file]);
  inputs.note(path);
  const text = readSettingsFile(path, askedBy, skip);
  if (text !== undefined) yield [path, text];
  if (dropIns === undefined) return;
  inputs.noteNames(dropIns);
  for (const dropIn of listDropIns(dropIns, skip)) yield* readPlace({ path: dropIn }, looked);
}
