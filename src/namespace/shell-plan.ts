import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { quirksOf } from '../driver/drivers.js';
import { shellWord } from '../exec/shell-word.js';
import { HOST_FILES } from '../plan/host-sum.js';
import type { Plan } from '../plan/plan.js';

/** What the supervisor does when its driver doesn't become ready. */
export interface Trying {
  /** How often it is started, before that counts. */
  attempts: number;
  /**
   * Whether it is tried again and again after that, with the namespace degraded; else it is an error. `offline`: also when
   * it starts without a way out of the host's, as soon as there is one.
   */
  persist: 'no' | 'yes' | 'offline';
}

const READY_SECONDS = 10;
/** By its path from `dist`, where this is as well: see src/ports/start-forwarder.ts. */
const FOLLOW = fileURLToPath(new URL('../../dist/cli/follow.cjs', import.meta.url));

type ShownPlan = Pick<Plan, 'driver' | 'mounts'> & Partial<Pick<Plan, 'resolvConf'>>;

/**
 * What scripts/supervisor.sh reads: the plan in lines of sh. `driver_command` and `mounts` become what they are called with,
 * followed by the driver's command line, or by type, source and target of each mount.
 */
export function shellPlan(
  { driver, mounts, resolvConf }: ShownPlan,
  lingerSeconds: number,
  { attempts, persist }: Trying,
): string {
  const { disableDad, copiesHostRoutes, bringsUpLoopback } = quirksOf(driver);
  const values = {
    rn_linger: lingerSeconds,
    // sh counts in whole numbers, and may have begun to count at the end of one.
    rn_linger_tenths: lingerSeconds === 0 ? 0 : Math.ceil(lingerSeconds * 10) + 1,
    rn_driver: driver.path ?? '',
    rn_ready_fd: driver.path === null ? '' : driver.readyFd,
    rn_ready_seconds: READY_SECONDS,
    rn_attempts: attempts,
    rn_persist: persist,
    rn_no_dad: disableDad ? 1 : '',
    rn_lo_up: bringsUpLoopback ? 1 : '',
    rn_copies_routes: copiesHostRoutes ? 1 : '',
    rn_host_files: HOST_FILES.join(' '),
    rn_host_sum: resolvConf?.sum ?? '',
  };
  return [
    ...Object.entries(values).map(([name, value]) => `${name}=${shellWord(String(value))}`),
    `driver_command() { ${become(driver.path === null ? [] : [driver.path, ...driver.args])}; }`,
    `follow_command() { ${[execPath, FOLLOW].map(shellWord).join(' ')} "$@"; }`,
    shellMounts(mounts),
    '',
  ].join('\n');
}

/** The mounts alone, where they are others by now: see scripts/watching.sh. */
export function shellMounts(mounts: Plan['mounts']): string {
  return `mounts() { ${become(mounts.flatMap(({ type, source, target }) => [type, source, target]))}; }`;
}

function become(words: readonly string[]): string {
  return `exec "$@" ${words.map(shellWord).join(' ')}`;
}
