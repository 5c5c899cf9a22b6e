import { constants } from 'node:os';
import type { CommandResult } from '../../exec/command.js';
import { silentEnd, usernsObstacle, type Obstacle } from '../../namespace/userns-obstacle.js';
import { readOptional } from '../../state/files.js';
import { check, fail, ok, warn, type Finding } from '../check.js';
import type { Host } from '../host.js';
import { wordsOf, type ScratchTrial } from '../scratch.js';

/** The status of sh and unshare(1) for a program that isn't there. */
const NOT_FOUND = 127;

export const userNamespace = check('user-namespace', {
  gather: async (host: Host) => ({
    trial: await host.scratch(),
    own: host.ownUserns,
  }),
  judge({ trial, own }) {
    if (own) return ok('the one that rnetns is called in will do');
    if (trial.user.status === 0) return ok('can be made');
    if (trial.user.status === NOT_FOUND) return fail(wordsOf(trial.user), 'see programs');
    const obstacle = obstacleTo(trial.user);
    return fail([wordsOf(trial.user), ...(obstacle ? [obstacle.why] : [])].join(': '), obstacle?.hint ?? null);
  },
});

/** Where the kernel refuses it, unshare(1) says so; sh's status for one that was killed is 128 and the signal's number. */
function obstacleTo({ status, stderr }: CommandResult): Obstacle | undefined {
  const isSilent = status === undefined || status >= 128 || stderr === '';
  if (!isSilent) return usernsObstacle();
  return silentEnd(status === 128 + constants.signals.SIGSYS ? 'SIGSYS' : undefined);
}

export const namespaces = check('namespaces', {
  gather: async (host: Host) => ({ trial: await host.scratch(), limits: { net: limit('net'), mnt: limit('mnt') } }),
  judge: judgeNamespaces,
});

/** namespaces(7), "The /proc/sys/user directory": per user and user namespace, and those above it limit as well. */
function limit(kind: 'net' | 'mnt'): string | undefined {
  return readOptional(`/proc/sys/user/max_${kind}_namespaces`)?.trim();
}

function judgeNamespaces({
  trial,
  limits,
}: {
  trial: ScratchTrial;
  limits: { net: string | undefined; mnt: string | undefined };
}): Finding {
  if (trial.user.status !== 0) return warn('not tried: no user namespace can be made', 'see user-namespace');
  for (const [kind, name, result] of [
    ['net', 'network', trial.net],
    ['mnt', 'mount', trial.mount],
  ] as const) {
    if (result.status === 0) continue;
    if (result.status === NOT_FOUND) return fail(`a ${name} namespace: ${wordsOf(result)}`, 'see programs');
    const sysctl = `user.max_${kind}_namespaces`;
    const few = Number(limits[kind] ?? Infinity) < FEW;
    const obstacle = few
      ? { why: `${sysctl} is ${limits[kind] ?? ''}`, hint: `sudo sysctl ${sysctl}=15000` }
      : obstacleTo(result);
    const words = [`a ${name} namespace`, wordsOf(result), ...(obstacle ? [obstacle.why] : [])];
    return fail(words.join(': '), obstacle?.hint ?? null);
  }
  return ok('network and mount namespaces can be made');
}

/** The kernel's own limit is some ten thousands. */
const FEW = 100;
