import { readFileSync } from 'node:fs';
import { RnetnsError } from '../errors/error.js';
import { BackgroundProcess } from '../exec/background.js';
import type { DriverPlan } from '../plan/plan.js';
import { identifyProcess, type ProcessId } from '../state/process.js';
import { enterArguments } from './enter.js';
import { SCRIPTS } from './scripts.js';
import type { Surroundings } from './surroundings.js';

const READY_SECONDS = 10;

export type RunningDriver = Extract<DriverPlan, { path: string }>;

export interface SupervisorOptions {
  /** How often to start a driver that doesn't become ready, before that counts. */
  attempts: number;
  /** Whether the driver is tried again and again after that, with the namespace degraded; else it is an error. */
  persist: boolean;
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
      persist ? '1' : '0',
      adopt === undefined ? '-' : `${adopt.pid}:${adopt.startTicks}`,
      '--',
      driver.path,
      ...driver.args,
    ],
    around.env,
  );
  let answer: string[];
  try {
    answer = (await supervisor.line((READY_SECONDS + 5) * 1000)).split(' ');
  } catch (cause) {
    const words = supervisor.stderr;
    supervisor.kill();
    throw new RnetnsError('ERR_DRIVER', `cannot supervise ${driver.name}: ${words || String(cause)}`, { cause });
  }
  const failed = answer[0] !== 'ready';
  if (failed && !persist) {
    await supervisor.end(1000);
    throw driverError(driver, answer[1] ?? '', supervisor.rest);
  }
  if (failed) around.warn(`${driver.name} does not start and is tried again: ${lastWords(supervisor.rest)}`);
  const process = identifyProcess(supervisor.pid ?? 0);
  supervisor.release();
  if (process === undefined) throw new RnetnsError('ERR_DRIVER', `the supervisor of ${driver.name} ended at once`);
  return process;
}

/** The last of a driver's words are the reason; pasta prints its whole usage before them, or after a bad option. */
const WORDS_SHOWN = 3;

function lastWords(words: string): string {
  const said = words.split('\n').filter((line) => line.trim() !== '');
  const usage = said.findIndex((line) => /^usage:/i.test(line));
  return (usage > 0 ? said.slice(0, usage) : said).slice(-WORDS_SHOWN).join('; ');
}

function driverError(driver: RunningDriver, status: string, words: string): RnetnsError {
  const shown = lastWords(words) || 'it said nothing';
  // 127 and 126 are the shell's: it could not start the program at all.
  const outcome = /^12[67]$/.test(status) ? 'could not be started' : `exited with status ${status}`;
  const tun = tunProblem();
  if (tun !== undefined) {
    return new RnetnsError('ERR_TUN', `cannot start ${driver.name} (${driver.path}): ${tun.why}: ${shown}`, tun);
  }
  return new RnetnsError(
    'ERR_DRIVER',
    `cannot connect the namespace: ${driver.name} (${driver.path}) ${outcome}: ${shown}`,
    {
      hint: `try it with --log-level debug, or another driver: default_rootless_network_cmd in rnetns.conf`,
    },
  );
}

/** What stands between a driver and its tap device, asked once it has failed. */
function tunProblem(): { why: string; hint: string } | undefined {
  try {
    // Opening makes no device; reading an unattached one fails with EBADFD, which means that all is well.
    readFileSync('/dev/net/tun', { flag: 'r+' });
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case 'ENOENT':
        return {
          why: '/dev/net/tun does not exist',
          hint: 'sudo modprobe tun; in a container, start it with --device /dev/net/tun',
        };
      case 'ENODEV':
      case 'ENXIO':
        return { why: 'the kernel has no tun device', hint: 'sudo modprobe tun; after a kernel update, reboot' };
      case 'EACCES':
      case 'EPERM':
        return { why: '/dev/net/tun may not be opened', hint: 'sudo chmod 666 /dev/net/tun (its usual mode)' };
    }
  }
  return undefined;
}
