import { statSync } from 'node:fs';

/** Which namespaces of a process to join; the network is the host's unless a command enters it by file. */
export interface Target {
  pid: number;
  /** Its user namespace, or the one that a file leads to. */
  user?: boolean | string;
  /** Its mount namespace, or the one that a file leads to. */
  mount?: boolean | string;
  net?: boolean;
}

/**
 * The nsenter(1) call that precedes a program to run inside.
 * setns(2) into one's own user namespace is EINVAL, so a caller that is in it already leaves it out.
 *
 * @returns nothing for a caller that is in all of them.
 */
export function enterArguments(target: Target): string[] {
  const { pid, user, mount, net } = target;
  const file = typeof user === 'string' ? user : `/proc/${pid}/ns/user`;
  const isOwn = user === undefined || user === false || inodeOf('/proc/self/ns/user') === inodeOf(file);
  if (isOwn && net !== true && (mount ?? false) === false) return [];
  return [
    'nsenter',
    '--target',
    String(pid),
    ...(isOwn ? [] : choose('user', user)),
    ...choose('mount', mount),
    ...choose('net', net),
    '--preserve-credentials',
    '--',
  ];
}

function choose(kind: 'user' | 'mount' | 'net', which: boolean | string | undefined): string[] {
  if (typeof which === 'string') return [`--${kind}=${which}`];
  return which === true ? [`--${kind}`] : [];
}

function inodeOf(file: string): number | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false })?.ino;
  } catch {
    return undefined;
  }
}
