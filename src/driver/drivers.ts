import type { DriverName } from '../config/config.js';
import type { DriverPlan, DriverQuirks } from '../plan/plan.js';
import type { ConnectingDriver, Driver } from './driver.js';
import { none } from './none/none.js';
import { pasta } from './pasta/pasta.js';
import { slirp4netns } from './slirp4netns/slirp4netns.js';

/** The one list of the drivers that connect a namespace: without a setting the first of these that is installed. */
export const CONNECTING: readonly [ConnectingDriver, ...ConnectingDriver[]] = [pasta, slirp4netns];

export const DRIVERS: readonly Driver[] = [...CONNECTING, none];

const BY_NAME = Object.fromEntries(DRIVERS.map((driver) => [driver.name, driver])) as Record<DriverName, Driver>;

export function driverNamed(name: DriverName): Driver {
  return BY_NAME[name];
}

/** Those of the plan, which a version before this one has written without. */
export function quirksOf({ name, quirks }: Pick<DriverPlan, 'name' | 'quirks'>): DriverQuirks {
  return { ...driverNamed(name).quirks, ...quirks };
}

/** Those with a network of their own, which mind no route of the host's. */
export const INDEPENDENT = CONNECTING.filter(({ quirks }) => !quirks.copiesHostRoutes);

/** undefined: there is nothing to install. */
export function installHint({ program }: Driver): string | undefined {
  return program === null ? undefined : `sudo apt-get install ${program.packages.debian}`;
}

/** `pasta or slirp4netns`. */
export function namesOf(drivers: readonly Driver[], between: 'or' | 'nor' = 'or'): string {
  return drivers.map(({ name }) => name).join(` ${between} `);
}
