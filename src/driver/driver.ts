import type { Config, DriverName } from '../config/config.js';
import type { DriverPlan, DriverQuirks } from '../plan/plan.js';

/**
 * What the shared namespace needs to know of pasta, slirp4netns or none. A driver's folder has all of it, and drivers.ts lists
 * them; all others ask the list for what a driver is like, and never which one it is. Starting, watching and ending it is
 * the same for all: src/namespace/supervisor.ts.
 */
export interface Driver {
  readonly name: DriverName;
  /** null: it needs none, and connects the namespace to nothing. */
  readonly program: DriverProgram | null;
  readonly quirks: DriverQuirks;
  /**
   * @throws RnetnsError ERR_CONFIG: a setting that this driver can't have; ERR_DRIVER: the program lacks what is asked.
   */
  plan(request: DriverRequest): DriverPlan;
}

/** One that connects the namespace. */
export interface ConnectingDriver extends Driver {
  readonly program: DriverProgram;
}

export interface DriverProgram {
  /** The file to look for. */
  readonly file: string;
  /** The package that has it, by distribution. */
  readonly packages: { readonly debian: string };
  /** The descriptor on which it says that it is ready, see scripts/driver.sh. Another than 1: its words may be on 1 too. */
  readonly readyFd: 1 | 3;
  /** Where we ask it to answer DNS, when there is one address for each family and either will do. */
  readonly forwarders?: { readonly ipv4: string; readonly ipv6: string };
  /** Its releases that keep root inside from the host's loopback, whatever that does to the routes (docs/security.md). */
  readonly closedReleases?: string;
  /** The settings that are for this driver alone. */
  ownOptions(config: Config): readonly string[];
  /**
   * Is this its command line for the network namespace that is mounted there? With that file as an argument of its own:
   * nsenter and unshare, which lead to it, glue it to an option.
   */
  isRunBy(args: readonly string[], netnsPath: string): boolean;
}

export interface DriverRequest {
  config: Config;
  /** Where the program is; '' for a driver without one. */
  path: string;
  /** The long options in its --help. */
  features: ReadonlySet<string>;
  /** The file of the network namespace, as the driver sees it in M0. */
  netnsPath: string;
}
