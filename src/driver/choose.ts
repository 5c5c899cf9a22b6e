import { basename } from 'node:path';
import type { Config } from '../config/config.js';
import { RnetnsError } from '../errors/error.js';
import { runCommand } from '../exec/command.js';
import { findProgram, isExecutable } from '../exec/find-program.js';
import { parseHelpOptions } from '../plan/features.js';
import type { DriverPlan } from '../plan/plan.js';
import type { Driver } from './driver.js';
import { none } from './none.js';
import { pasta } from './pasta.js';
import { slirp4netns } from './slirp4netns.js';

export const DRIVERS: readonly Driver[] = [pasta, slirp4netns, none];

/** Without a setting: the first of these that is installed. */
const PREFERENCE = [pasta, slirp4netns];

const HELP_TIMEOUT_MS = 5000;

export interface Found {
  driver: Driver;
  /** '' for a driver without a program. */
  path: string;
}

/**
 * The driver of the settings, or the first one installed: in `helper_binaries_dir`, then in PATH.
 *
 * @param path - directories of PATH.
 * @throws RnetnsError ERR_PROGRAM_MISSING, which says what to install.
 */
export function findDriver({ network, engine }: Config, path: readonly string[]): Found {
  const directories = [...engine.helperBinariesDirs, ...path];
  const named = DRIVERS.find(({ name }) => name === network.defaultRootlessNetworkCmd);
  if (named?.program === null) return { driver: named, path: '' };

  const given = engine.networkCmdPath;
  if (given !== undefined) {
    if (!isExecutable(given)) {
      throw new RnetnsError('ERR_PROGRAM_MISSING', `cannot run network_cmd_path ${given}: it is no executable file`, {
        hint: 'rnetns config tells which file sets it',
      });
    }
    // podman(1) has this key for slirp4netns, and so do the files of its users.
    return { driver: named ?? (basename(given).startsWith('slirp4netns') ? slirp4netns : pasta), path: given };
  }

  for (const driver of named === undefined ? PREFERENCE : [named]) {
    const found = findProgram(driver.program ?? '', directories);
    if (found !== undefined) return { driver, path: found };
  }
  const wanted = named?.name ?? 'neither pasta nor slirp4netns';
  throw new RnetnsError(
    'ERR_PROGRAM_MISSING',
    `cannot connect the namespace: ${wanted} was ${named === undefined ? '' : 'not '}found in ${directories.join(':')}`,
    { hint: `sudo apt-get install ${named?.name === 'slirp4netns' ? 'slirp4netns' : 'passt'}` },
  );
}

/** Ask the program what it can do, and plan how to run it. */
export async function planDriver(
  { driver, path }: Found,
  config: Config,
  netnsPath: string,
  env: Readonly<Record<string, string>>,
): Promise<DriverPlan> {
  const help = driver.program === null ? '' : await helpOf(path, env);
  return driver.plan({ config, path, netnsPath, features: parseHelpOptions(help) });
}

/** Its --help, wherever it prints it and whatever status it has. */
async function helpOf(path: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { stdout, stderr } = await runCommand(path, ['--help'], { env, timeoutMs: HELP_TIMEOUT_MS });
  return stdout + stderr;
}
