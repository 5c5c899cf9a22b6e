import { readFileSync } from 'node:fs';
import type { StateDirectory } from '../state/directory.js';

/**
 * Are we a command of this namespace? Its copy of M1 has $XDG_RUNTIME_DIR and others mounted *below the state directory*,
 * so that removing the state from in here would empty them; and what is started here is on the namespace's network.
 */
export function isInside({ path, netns }: StateDirectory): boolean {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => unescape(line.split(' ')[4] ?? ''))
    .some((point) => point.startsWith(`${path}/`) && point !== netns);
}

/** proc_pid_mountinfo(5): blanks, tabs, newlines and backslashes are three octal digits. */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
