import { fileURLToPath } from 'node:url';
import { checkBase } from '../config/runtime-dir.js';
import { processEnvironment, type Environment } from '../config/environment.js';
import { Inputs } from '../config/inputs.js';
import { loadConfig, type LoadedConfig } from '../config/load.js';
import { backgroundEnvironment } from '../exec/background.js';
import { launcherPath } from '../exec/find-program.js';
import type { Context } from '../lifecycle/context.js';
import { Logger } from '../log/logger.js';
import { lockContainer, type ContainerLock } from '../state/container-lock.js';
import { StateDirectory, statStateDirectory } from '../state/directory.js';
import { checkName, DEFAULT_NAME, findRuntime, ownUid } from '../state/runtime.js';

/** The options that every command has. */
export interface CommonOptions {
  name?: string | undefined;
  config?: string | undefined;
  logLevel?: string | undefined;
  json?: boolean | undefined;
}

export function loadSettings(
  { config, logLevel }: CommonOptions,
  { givenOnly = false, env = processEnvironment(), inputs = new Inputs() } = {},
): LoadedConfig {
  return loadConfig({ env, configFile: config, logLevel, givenOnly, inputs });
}

/** Where the state directories of the caller are; makes nothing. */
export function stateBase(): string {
  const { base } = findRuntime();
  checkBase(base, ownUid());
  return base;
}

/** That of a command which looks at it; it may be missing. */
export function stateOf({ name = DEFAULT_NAME }: CommonOptions): StateDirectory {
  return ownState(findRuntime().base, checkName(name));
}

/** @throws RnetnsError ERR_STATE_DIR: it is there and not the caller's own, so nothing in it is to be followed. */
function ownState(base: string, name: string): StateDirectory {
  const state = new StateDirectory(base, name);
  statStateDirectory(state);
  return state;
}

/** With what the launcher must be given, to work on the same namespace with the same settings. */
export interface CliContext extends Context {
  launcherOptions: readonly string[];
  /** Of the container that this is about: see {@link withContainer}. */
  lock?: ContainerLock | undefined;
  /** What is begun is undone then, and its reason thrown. */
  interruption?: AbortSignal | undefined;
}

/**
 * Do something for a container while no other call does.
 *
 * @param what - for messages: "adding eth0 of web to network n".
 * @param act - gets the context with the lock, for what else is called for this container.
 * @throws what `act` throws; RnetnsError ERR_LOCK_TIMEOUT.
 */
export async function withContainer<C extends CliContext, T>(
  context: C,
  containerId: string,
  what: string,
  act: (held: C) => Promise<T>,
): Promise<T> {
  if (context.lock?.containerId === containerId) return act(context);
  const lock = await lockContainer(context.state, containerId, what, context.interruption);
  try {
    return await act({ ...context, lock });
  } finally {
    lock.release();
  }
}

/**
 * All that an act on the namespace needs; makes nothing.
 *
 * @param how - `givenOnly`: settings of a standard place, which may be out of reach or wrong, make no difference to it.
 */
export function makeContext(options: CommonOptions, { givenOnly = false } = {}): CliContext {
  const name = checkName(options.name ?? DEFAULT_NAME);
  const inputs = new Inputs();
  const env = inputs.environment(launcherEnvironment());
  noteOurselves(inputs, options, env);
  const { config, own, warnings } = loadSettings(options, { givenOnly, env, inputs });
  const runtime = findRuntime();
  // What is kept is followed without another word.
  const log = new Logger(config.rnetns.logLevel, () => inputs.cannotKeep('there was a warning'));
  for (const warning of warnings) log.warn(warning);
  if (['info', 'debug'].includes(config.rnetns.logLevel)) inputs.cannotKeep('log_level asks for more than warnings');
  return {
    state: ownState(runtime.base, name),
    config,
    own,
    runtimeDir: runtime.runtimeDir,
    env: backgroundEnvironment(env, runtime.runtimeDir),
    inputs,
    log,
    mended: [],
    launcherOptions: [
      ...(options.name === undefined ? [] : ['--name', name]),
      ...(options.config === undefined ? [] : ['--config', options.config]),
      ...(options.logLevel === undefined ? [] : ['--log-level', options.logLevel]),
    ],
  };
}

/** With the PATH of what makes a namespace, also in the commands that the launcher leaves to Node as they are. */
function launcherEnvironment(): Environment {
  const env = processEnvironment();
  return { ...env, PATH: launcherPath(env.PATH) };
}

/** Who decides is an input as well: this rnetns, this Node, and the options that the launcher has in these variables. */
function noteOurselves(inputs: Inputs, { config, logLevel }: CommonOptions, env: Environment): void {
  inputs.given('rn_config', config ?? '', '--config');
  inputs.given('rn_level', logLevel ?? '', '--log-level');
  inputs.given('RNETNS_NODE', env.RNETNS_NODE ?? '', 'RNETNS_NODE');
  for (const file of ['../../package.json', './main-program.cjs']) {
    inputs.note(fileURLToPath(new URL(file, import.meta.url)));
  }
  inputs.note(process.execPath);
}
