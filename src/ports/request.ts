import { ID } from '../state/references.js';

/** `port add` and `port delete` as the launcher asks the forwarder for them (scripts/port.sh). */
export interface Request {
  /** Whose FIFO gets the answer: `.outside/NAME/.answer.PID`. */
  pid: number;
  act: 'add' | 'delete';
  id: string | undefined;
  words: string[];
}

/** `PID add|delete [--id ID] [WORD…]`; undefined for what is none. */
export function parseRequest(line: string): Request | undefined {
  const [pid = '', act, ...rest] = line.split(' ');
  if (!/^[1-9]\d{0,9}$/.test(pid) || (act !== 'add' && act !== 'delete')) return undefined;
  const hasId = rest[0] === '--id';
  const [id, words] = hasId ? [rest[1] ?? '', rest.slice(2)] : [undefined, rest];
  if (id !== undefined && !ID.test(id)) return undefined;
  const isSpecification = (word: string): boolean => /^[\w[\].:/][\w[\].:/-]*$/.test(word);
  if (words.length === 0 && (act === 'add' || id === undefined)) return undefined;
  return words.every(isSpecification) ? { pid: Number(pid), act, id, words } : undefined;
}
