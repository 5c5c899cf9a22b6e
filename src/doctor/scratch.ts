import type { CommandResult } from '../exec/command.js';
import { tryProgram } from '../exec/probe.js';
import { warn, type Finding } from './check.js';
import type { Host } from './host.js';

/** How namespaces turned out that end with their process, each kind by itself. */
export interface ScratchTrial {
  user: CommandResult;
  net: CommandResult;
  mount: CommandResult;
}

const TIMEOUT_MS = 2000;

/**
 * unshare(1) before a program that is to run in namespaces of its own.
 *
 * @param own - the user namespace that we are in will do, as it would for the shared namespace.
 */
export function scratchCommand(own: boolean, kinds: readonly ('net' | 'mount')[]): string[] {
  return [
    'unshare',
    ...(own ? [] : ['--user', '--map-root-user']),
    ...(kinds.includes('net') ? ['--net'] : []),
    ...(kinds.includes('mount') ? ['--mount', '--propagation', 'slave'] : []),
    '--',
  ];
}

export async function tryScratch(own: boolean, env: Readonly<Record<string, string>>): Promise<ScratchTrial> {
  const attempt = (kinds: readonly ('net' | 'mount')[], command: readonly string[]) =>
    tryProgram([...scratchCommand(own, kinds), ...command], { env, timeoutMs: TIMEOUT_MS });
  const [user, net, mount] = await Promise.all([
    attempt([], ['true']),
    attempt(['net'], ['ip', 'link', 'set', 'lo', 'up']),
    // AppArmor lets some make a user namespace, and then do nothing in it: so do something.
    attempt(['mount'], ['mount', '-t', 'tmpfs', 'tmpfs', '/proc']),
  ]);
  return { user, net, mount };
}

/** For what can only be tried in one: a finding that points at the check which says why there is none. */
export async function withoutScratch(host: Host): Promise<Finding | undefined> {
  const { user, net, mount } = await host.scratch();
  if (user.status !== 0) return warn('not tried: no user namespace can be made', 'see user-namespace');
  if (net.status !== 0 || mount.status !== 0) {
    return warn('not tried: no network or mount namespace can be made', 'see namespaces');
  }
  return undefined;
}

/** A program's words on one line, or else how it ended. */
export function wordsOf({ stderr, outcome }: CommandResult): string {
  return (
    stderr
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .slice(-3)
      .join('; ') || outcome
  );
}
