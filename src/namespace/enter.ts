import { namespaceInode } from '../state/process.js';

/** Which namespaces of a process to join; the network is the host's unless a command enters it by file. */
export interface Target {
  pid: number;
  user?: boolean;
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
  const user = target.user === true && namespaceInode('self', 'user') !== namespaceInode(target.pid, 'user');
  if (!user && target.net !== true && (target.mount ?? false) === false) return [];
  return [
    'nsenter',
    '--target',
    String(target.pid),
    ...(user ? ['--user'] : []),
    ...(target.mount === true ? ['--mount'] : typeof target.mount === 'string' ? [`--mount=${target.mount}`] : []),
    ...(target.net === true ? ['--net'] : []),
    '--preserve-credentials',
    '--',
  ];
}
