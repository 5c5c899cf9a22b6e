import { readFileSync } from 'node:fs';

/** What a process sees mounted; none when it is gone or not ours to look at. */
export function mountsOf(pid: number | 'self'): { root: string; point: string }[] {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .map((line) => line.split(' '))
    .map(([, , , root = '', point = '']) => ({ root: unescape(root), point: unescape(point) }));
}

/** proc_pid_mountinfo(5): blanks, tabs, newlines and backslashes are three octal digits. */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
