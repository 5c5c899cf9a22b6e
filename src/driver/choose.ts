import { basename } from 'node:path';
import type { Config } from '../config/config.js';
import { RnetnsError } from '../errors/error.js';
import { runCommand } from '../exec/command.js';
import { findProgram, isExecutable } from '../exec/find-program.js';
import { parseHelpOptions } from '../plan/features.js';
import type { DriverPlan } from '../plan/plan.js';
import type { Driver } from './driver.js';
import { none } from './none/none.js';
import { pasta } from './pasta/pasta.js';
import { slirp4netns } from './slirp4netns/slirp4netns.js';

const DRIVERS: readonly Driver[] = [pasta, slirp4netns, none];

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

/**
 * slirp4netns, where pasta can't use the host's routes and the settings leave the choice: they name no driver, and have
 * nothing that only pasta has. Else what to do about it.
 */
export function findAlternative({ network, engine }: Config, path: readonly string[]): Found | string {
  const found = findProgram('slirp4netns', [...engine.helperBinariesDirs, ...path]);
  if (found === undefined) return 'install slirp4netns, which can';
  const { defaultRootlessNetworkCmd, pastaOptions } = network;
  const isFree =
    defaultRootlessNetworkCmd === undefined && engine.networkCmdPath === undefined && pastaOptions.length === 0;
  if (isFree) return { driver: slirp4netns, path: found };
  return 'slirp4netns can: default_rootless_network_cmd = slirp4netns in rnetns.conf';
}

/** Ask the program what it can do, and plan how to run it. */
export async function planDriver(
  { driver, path }: Found,
  config: Config,
  netnsPath: string,
  env: Readonly<Record<string, string>>,
): Promise<DriverPlan> {
  const help = driver.program === null ? undefined : await askHelp(driver.name, path, env);
  const features = parseHelpOptions(help?.text ?? '');
  try {
    return driver.plan({ config, path, netnsPath, features });
  } catch (cause) {
    // A program that is no driver at all lacks every option: then how it ended says more than which one it lacks first.
    if (!(cause instanceof RnetnsError) || cause.code !== 'ERR_DRIVER' || help?.status === 0) throw cause;
    const { hint } = cause;
    throw new RnetnsError('ERR_DRIVER', `${cause.message} (${path} --help ${help?.outcome ?? ''})`, { hint, cause });
  }
}

/**
 * Its --help, wherever it prints it and whatever status it has: pasta's is 1.
 *
 * @throws RnetnsError ERR_DRIVER: it doesn't end by itself, and so would not start either.
 */
async function askHelp(
  name: string,
  path: string,
  env: Readonly<Record<string, string>>,
): Promise<{ text: string; status: number; outcome: string }> {
  const { status, stdout, stderr, outcome } = await runCommand(path, ['--help'], { env, timeoutMs: HELP_TIMEOUT_MS });
  if (status === undefined) {
    throw new RnetnsError('ERR_DRIVER', `cannot use ${name}: ${path} --help ${outcome}`, {
      hint: `see that ${path} is ${name}, or take another one: network_cmd_path or helper_binaries_dir in rnetns.conf`,
    });
  }
  return { text: stdout + stderr, status, outcome };
}
