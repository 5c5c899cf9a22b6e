import type { Environment } from '../config/environment.js';
import type { Config } from '../config/config.js';
import type { LoadedConfig } from '../config/load.js';
import { defaultConfig } from '../config/defaults.js';
import type { RuntimeDirectory } from '../config/runtime-dir.js';
import { hasOwnUserns } from '../lifecycle/facts.js';
import { StateDirectory } from '../state/directory.js';
import { tryScratch, type ScratchTrial } from './scratch.js';

export interface HostOptions {
  /** Of rnetns. */
  version: string;
  /** Which shared namespace is looked at. */
  name: string;
  /** The caller's environment. */
  environment: Environment;
  /** For the programs that are tried. */
  env: Readonly<Record<string, string>>;
  /** Both may throw RnetnsErrors, which are findings then. */
  loadSettings: () => LoadedConfig;
  findRuntime: () => RuntimeDirectory;
}

/** What the checks are given, and what more than one of them asks for. */
export class Host {
  readonly version: string;
  readonly name: string;
  readonly environment: Environment;
  readonly env: Readonly<Record<string, string>>;
  /** Directories of PATH. */
  readonly path: readonly string[];
  /** Those built in where the settings can't be read. */
  readonly config: Config;
  readonly settings: LoadedConfig | Error;
  readonly runtime: RuntimeDirectory | Error;
  /** undefined without a runtime directory. */
  readonly state: StateDirectory | undefined;
  /** Does the user namespace that we are in do? Then none is made. */
  readonly ownUserns: boolean;
  private trial: Promise<ScratchTrial> | undefined;

  constructor(options: HostOptions) {
    this.version = options.version;
    this.name = options.name;
    this.environment = options.environment;
    this.env = options.env;
    this.path = (options.env.PATH ?? '').split(':');
    this.settings = attempt(options.loadSettings);
    this.config = this.settings instanceof Error ? defaultConfig() : this.settings.config;
    this.runtime = attempt(options.findRuntime);
    this.state = this.runtime instanceof Error ? undefined : new StateDirectory(this.runtime.base, options.name);
    this.ownUserns = hasOwnUserns();
  }

  /** Tried once, by whoever asks first. */
  scratch(): Promise<ScratchTrial> {
    return (this.trial ??= tryScratch(this.ownUserns, this.env));
  }
}

function attempt<T>(act: () => T): T | Error {
  try {
    return act();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
