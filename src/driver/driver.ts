import type { Config, DriverName } from '../config/config.js';
import type { DriverPlan } from '../plan/plan.js';

/**
 * What the shared namespace needs to know of pasta, slirp4netns or none: how one is run, when it is ready, and at which
 * addresses it serves. Starting, watching and ending it is the same for all: src/namespace/supervisor.ts.
 */
export interface Driver {
  readonly name: DriverName;
  /** The program to look for; null: it needs none. */
  readonly program: string | null;
  /**
   * @throws RnetnsError ERR_CONFIG: a setting that this driver can't have; ERR_DRIVER: the program lacks what is asked.
   */
  plan(request: DriverRequest): DriverPlan;
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
