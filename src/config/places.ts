import { isAbsolute, join, resolve } from 'node:path';
import { variable, type Environment } from './environment.js';
import type { Inputs } from './inputs.js';

/** A settings file that may be read. */
export interface Place {
  path: string;
  /** The flag or variable that names it; it has to be there then. */
  askedBy?: string;
  /** The directory beside it with further `*.conf` files. */
  dropIns?: string;
}

/**
 * The places of containers.conf(5), lowest first.
 *
 * CONTAINERS_CONF stands for all of them and CONTAINERS_CONF_OVERRIDE comes after whatever was read, as its section
 * "ENVIRONMENT VARIABLES" has it.
 */
export function containersConfPlaces(env: Environment, root: string, inputs: Inputs): Place[] {
  const places: Place[] = [];
  const instead = variable(env, 'CONTAINERS_CONF');
  if (instead === undefined) {
    places.push({ path: `${root}/usr/share/containers/containers.conf` });
    for (const directory of [`${root}/etc`, configHome(env)]) {
      if (directory === undefined) continue;
      const path = join(directory, 'containers/containers.conf');
      places.push({ path, dropIns: `${path}.d` });
    }
  } else {
    places.push({ path: absolute(instead, inputs), askedBy: 'CONTAINERS_CONF' });
  }
  const override = variable(env, 'CONTAINERS_CONF_OVERRIDE');
  if (override !== undefined) places.push({ path: absolute(override, inputs), askedBy: 'CONTAINERS_CONF_OVERRIDE' });
  return places;
}

/** The places of rnetns.conf, lowest first; `--config` goes before RNETNS_CONFIG. */
export function rnetnsConfPlaces(
  env: Environment,
  root: string,
  configFile: string | undefined,
  inputs: Inputs,
): Place[] {
  const places: Place[] = [{ path: `${root}/etc/rnetns/rnetns.conf` }];
  const home = configHome(env);
  if (home !== undefined) places.push({ path: join(home, 'rnetns/rnetns.conf') });
  const fromVariable = variable(env, 'RNETNS_CONFIG');
  if (configFile !== undefined) places.push({ path: absolute(configFile, inputs), askedBy: '--config' });
  else if (fromVariable !== undefined) places.push({ path: absolute(fromVariable, inputs), askedBy: 'RNETNS_CONFIG' });
  return places;
}

/**
 * XDG base directory spec: $XDG_CONFIG_HOME, else $HOME/.config; a relative path in either is to be ignored.
 * undefined: neither is set, as in a hook that the OCI runtime starts with an empty environment.
 */
function configHome(env: Environment): string | undefined {
  const set = variable(env, 'XDG_CONFIG_HOME');
  if (set !== undefined && isAbsolute(set)) return set;
  const home = variable(env, 'HOME');
  return home !== undefined && isAbsolute(home) ? join(home, '.config') : undefined;
}

/** Absolute, so that the source of a setting says the same from everywhere; "" stays what it is, a missing file. */
function absolute(path: string, inputs: Inputs): string {
  if (path === '' || isAbsolute(path)) return path;
  inputs.cannotKeep(`${path} depends on the current directory`);
  return resolve(path);
}
