import { readFileSync, realpathSync } from 'node:fs';

/** A line of proc_pid_mountinfo(5). */
export interface MountLine {
  /** No other mount has it, in whichever mount namespace. */
  id: number;
  /** `major:minor` */
  device: string;
  root: string;
  point: string;
  /** Of the mount, not of its file system. */
  options: string[];
}

/** What a process sees mounted; none when it is gone or not ours to look at. */
export function mountsOf(pid: number | 'self'): MountLine[] {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '))
    .map(([id = '', , device = '', root = '', point = '', options = '']) => ({
      id: Number(id),
      device,
      root: unescape(root),
      point: unescape(point),
      options: options.split(','),
    }));
}

/** The mount that a file is on: of those whose point leads to it the deepest, and there the last. */
export function mountOf(path: string): MountLine | undefined {
  const real = realpathSync(path);
  const above = mountsOf('self').filter(({ point }) => point === '/' || real === point || real.startsWith(`${point}/`));
  const depth = Math.max(...above.map(({ point }) => point.length));
  return above.findLast(({ point }) => point.length === depth);
}

/** proc_pid_mountinfo(5): blanks, tabs, newlines and backslashes are three octal digits. */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
