import { execPath } from 'node:process';
import { RnetnsError } from '../errors/error.js';
import { BackgroundProcess } from '../exec/background.js';
import type { DriverPlan } from '../plan/plan.js';
import { identifyProcess, type ProcessId } from '../state/process.js';
import { lastWords } from './driver-words.js';
import { enterArguments } from './enter.js';
import { SCRIPTS } from './scripts.js';
import type { Surroundings } from './surroundings.js';
import { tunProblem } from './tun.js';
import { limitReached } from './userns-obstacle.js';

const READY_SECONDS = 10;

export type RunningDriver = Extract<DriverPlan, { path: string }>;

export interface SupervisorOptions {
  /** How often to start a driver that doesn't become ready, before that counts. */
  attempts: number;
  /**
   * Whether the driver is tried again and again after that, with the namespace degraded; else it is an error. `offline`:
   * also when it starts without a way out of the host's, as soon as there is one.
   */
  persist: 'no' | 'yes' | 'offline';
  /** A driver that lives although its supervisor died. */
  adopt?: ProcessId | undefined;
}

/**
 * Start the supervisor with its driver and wait until the driver is ready.
 *
 * @throws RnetnsError ERR_DRIVER with the driver's name, status and own words.
 */
export async function startSupervisor(
  around: Surroundings,
  holder: ProcessId,
  driver: RunningDriver,
  { attempts, persist, adopt }: SupervisorOptions,
): Promise<ProcessId> {
  const [file = '', ...args] = enterArguments({ pid: holder.pid, user: true, mount: true });
  const supervisor = new BackgroundProcess(
    file,
    [
      ...args,
      'sh',
      SCRIPTS.supervisor,
      around.state.path,
      String(driver.readyFd),
      String(READY_SECONDS),
      String(attempts),
      persist,
      adopt === undefined ? '-' : `${adopt.pid}:${adopt.startTicks}`,
      '--',
      driver.path,
      ...driver.args,
    ],
    // What mends calls the launcher, which may not find this Node.js by PATH.
    { ...around.env, RNETNS_NODE: execPath },
  );
  let answer: string[];
  try {
    answer = (await supervisor.line((READY_SECONDS + 5) * 1000)).split(' ');
  } catch (cause) {
    const words = supervisor.stderr;
    supervisor.kill();
    const limit = limitReached();
    const why = [words || String(cause), ...(limit ? [limit.why] : [])].join(': ');
    throw new RnetnsError('ERR_DRIVER', `cannot supervise ${driver.name}: ${why}`, { hint: limit?.hint, cause });
  }
  const failed = answer[0] !== 'ready';
  if (failed && persist === 'no') {
    await supervisor.end(1000);
    throw driverError(driver, answer[1] ?? '', supervisor.rest);
  }
  if (failed) around.warn(`${driver.name} does not start and is tried again: ${lastWords(supervisor.rest)}`);
  const process = identifyProcess(supervisor.pid ?? 0);
  supervisor.release();
  if (process === undefined) throw new RnetnsError('ERR_DRIVER', `the supervisor of ${driver.name} ended at once`);
  return process;
}

function driverError(driver: RunningDriver, status: string, words: string): RnetnsError {
  const shown = lastWords(words) || 'it said nothing';
  // 127 and 126 are the shell's: it could not start the program at all.
  const outcome = /^12[67]$/.test(status) ? 'could not be started' : `exited with status ${status}`;
  const tun = tunProblem();
  if (tun !== undefined) {
    return new RnetnsError('ERR_TUN', `cannot start ${driver.name} (${driver.path}): ${tun.why}: ${shown}`, tun);
  }
  const failed = `cannot connect the namespace: ${driver.name} (${driver.path}) ${outcome}: ${shown}`;
  const limit = limitReached();
  if (limit !== undefined) return new RnetnsError('ERR_DRIVER', `${failed}: ${limit.why}`, { hint: limit.hint });
  return new RnetnsError('ERR_DRIVER', failed, {
    hint: `try it with --log-level debug, or another driver: default_rootless_network_cmd in rnetns.conf`,
  });
}
