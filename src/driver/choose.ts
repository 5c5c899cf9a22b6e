import { basename } from 'node:path';
import type { Config, DriverName } from '../config/config.js';
import { RnetnsError } from '../errors/error.js';
import { runCommand } from '../exec/command.js';
import { findProgram, isExecutable } from '../exec/find-program.js';
import { wholeAnswer } from '../exec/whole-answer.js';
import { parseHelpOptions } from '../plan/features.js';
import type { DriverPlan } from '../plan/plan.js';
import type { ConnectingDriver, Driver } from './driver.js';
import { CONNECTING, driverNamed, INDEPENDENT, installHint, namesOf } from './drivers.js';

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
 * @param accepts - is there a program at this path?
 * @throws RnetnsError ERR_PROGRAM_MISSING, which says what to install.
 */
export function findDriver({ network, engine }: Config, path: readonly string[], accepts = isExecutable): Found {
  const directories = [...engine.helperBinariesDirs, ...path];
  const setting = network.defaultRootlessNetworkCmd;
  const named = CONNECTING.find(({ name }) => name === setting);
  if (setting !== undefined && named === undefined) return { driver: driverNamed(setting), path: '' };

  const given = engine.networkCmdPath;
  if (given !== undefined) {
    if (!accepts(given)) {
      throw new RnetnsError('ERR_PROGRAM_MISSING', `cannot run network_cmd_path ${given}: it is no executable file`, {
        hint: 'rnetns config tells which file sets it',
      });
    }
    // podman(1) has this key for slirp4netns, and so do the files of its users: which one it is shows in the file's name.
    const alike = CONNECTING.find(({ program }) => basename(given).startsWith(program.file));
    return { driver: named ?? alike ?? CONNECTING[0], path: given };
  }

  const found = findFirst(named === undefined ? CONNECTING : [named], directories, accepts);
  if (found !== undefined) return found;
  const wanted = named?.name ?? `neither ${namesOf(CONNECTING, 'nor')}`;
  throw new RnetnsError(
    'ERR_PROGRAM_MISSING',
    `cannot connect the namespace: ${wanted} was ${named === undefined ? '' : 'not '}found in ${directories.join(':')}`,
    { hint: installHint(named ?? CONNECTING[0]) },
  );
}

function findFirst(
  drivers: readonly ConnectingDriver[],
  directories: readonly string[],
  accepts = isExecutable,
): Found | undefined {
  for (const driver of drivers) {
    const path = findProgram(driver.program.file, directories, accepts);
    if (path !== undefined) return { driver, path };
  }
  return undefined;
}

/**
 * Another driver, where this one can't use the host's routes and the settings leave the choice: they name no driver, and
 * have nothing that only this one has. Else what to do about it.
 */
export function findAlternative(to: DriverName, config: Config, path: readonly string[]): Found | string {
  const { network, engine } = config;
  const found = findFirst(INDEPENDENT, [...engine.helperBinariesDirs, ...path]);
  if (found === undefined) return `install ${namesOf(INDEPENDENT)}, which can`;
  const isFree =
    network.defaultRootlessNetworkCmd === undefined &&
    engine.networkCmdPath === undefined &&
    driverNamed(to).program?.ownOptions(config).length === 0;
  const { name } = found.driver;
  return isFree ? found : `${name} can: default_rootless_network_cmd = ${name} in rnetns.conf`;
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
  const { status, stdout, stderr, outcome } = await wholeAnswer(
    ([file, ...args]) => runCommand(file, args, { env, timeoutMs: HELP_TIMEOUT_MS }),
    [path, '--help'],
  );
  if (status === undefined) {
    throw new RnetnsError('ERR_DRIVER', `cannot use ${name}: ${path} --help ${outcome}`, {
      hint: `see that ${path} is ${name}, or take another one: network_cmd_path or helper_binaries_dir in rnetns.conf`,
    });
  }
  return { text: stdout + stderr, status, outcome };
}
