import { readlinkSync } from 'node:fs';
import { planDriver, type Found } from '../driver/choose.js';
import { RnetnsError } from '../errors/error.js';
import { Probe, tryProgram } from '../exec/probe.js';
import { wholeAnswer } from '../exec/whole-answer.js';
import { SCRIPTS } from '../namespace/scripts.js';
import { lastWords } from '../namespace/driver-words.js';
import { readOptional } from '../state/files.js';
import type { DriverPlan } from '../plan/plan.js';
import type { Host } from './host.js';
import { scratchCommand } from './scratch.js';

const READY_MS = 3000;
const VERSION_MS = 1000;

export interface DriverTrial<T> {
  path: string;
  version: string;
  ready: boolean;
  /** Its last words, and how it ended or that it didn't. */
  words: string;
  /** The AppArmor profile or SELinux context that it ran under; undefined where there is none. */
  confinement: string | undefined;
  /** What `use` gave, of a driver that became ready. */
  used?: T;
}

/** The scratch namespace while its driver runs. */
export interface Connected {
  /** nsenter(1) into the network namespace, before a command. */
  enter: string[];
  driver: DriverPlan;
}

/**
 * Start a driver as the shared namespace would, for a scratch network namespace, and end it again.
 *
 * @throws RnetnsError ERR_DRIVER, ERR_CONFIG: it can't be run with these settings; ERR_NETNS: no scratch namespace.
 */
export async function tryDriver<T>(
  host: Host,
  found: Found,
  use?: (connected: Connected) => Promise<T>,
): Promise<DriverTrial<T>> {
  const { state, env, config, ownUserns } = host;
  if (state === undefined) {
    throw new RnetnsError('ERR_NETNS', 'not tried: there is no runtime directory', { hint: 'see runtime-dir' });
  }
  const { name } = found.driver;
  const [plan, version] = await Promise.all([
    planDriver(found, config, state.netns, env),
    wholeAnswer((command) => tryProgram(command, { env, timeoutMs: VERSION_MS }), [found.path, '--version']),
  ]);
  if (plan.path === null) throw new RnetnsError('ERR_DRIVER', `${name} has no program`);
  const mntns = readlinkSync('/proc/self/ns/mnt');
  const script = ['sh', SCRIPTS.driverTrial, mntns, state.path, plan.path, ...plan.args];
  const probe = new Probe([...scratchCommand(ownUserns, ['mount']), ...script], env);
  try {
    const { readyFd } = plan;
    await probe.until(() => probe.said(readyFd) !== '', READY_MS);
    const ready = probe.said(readyFd) !== '';
    const [, shell = '', pid = ''] = /^driver (\d+) (\d+)$/m.exec(probe.said(4)) ?? [];
    if (shell === '') {
      const words = lastWords(probe.said(2)) || 'no answer';
      throw new RnetnsError('ERR_NETNS', `not tried: no scratch namespace could be made for it: ${words}`);
    }
    const confinement = confinementOf(pid);
    const enter = [
      ...['nsenter', '--target', shell, ...(ownUserns ? [] : ['--user'])],
      ...[`--net=/proc/${shell}/root${state.netns}`, '--preserve-credentials', '--'],
    ];
    const used = ready && use !== undefined ? await use({ enter, driver: plan }) : undefined;
    const { status } = probe;
    // All that it said is there once it has ended.
    await probe.end();
    const end =
      status !== undefined
        ? `exited with status ${status}`
        : ready
          ? 'runs'
          : `was not ready within ${READY_MS / 1000} s`;
    const said = readyFd === 1 ? probe.said(2) : probe.said(1) + probe.said(2);
    const words = [end, lastWords(said)].filter((part) => part !== '').join(': ');
    return {
      path: plan.path,
      version: version.stdout.split('\n')[0]?.trim() ?? '',
      ready,
      words,
      confinement,
      ...(used === undefined ? {} : { used }),
    };
  } finally {
    await probe.end();
  }
}

/** apparmor(7): `PROFILE (enforce)`; SELinux: a context, with a NUL at its end. No security module: nothing to read. */
function confinementOf(pid: string): string | undefined {
  const attribute = (file: string) => readOptional(`/proc/${pid}/attr/${file}`)?.replace(/\0|\n/g, '');
  const label = attribute('apparmor/current') ?? attribute('current');
  return label === undefined || label === '' || label.startsWith('unconfined') ? undefined : label;
}
