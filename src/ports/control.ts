import { closeSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import type { StateDirectory } from '../state/directory.js';
import type { PortState } from './forwarder/table.js';

/**
 * Where the forwarder is asked to look at its files at once, and says how ports are. Nobody can ask for more: what is to be open is in
 * the files. It is hidden from those inside, as the files are.
 */
const SOCKET = 'ports.sock';

/** With the path of an open directory: that of a socket may have no more than 107 bytes (unix(7)), and a state's may have. */
export function withControlPath<T>(
  { outside }: StateDirectory,
  act: (path: string) => T,
): { result: T; done: () => void } {
  const directory = openSync(outside, 'r');
  try {
    return { result: act(`/proc/self/fd/${directory}/${SOCKET}`), done: () => closeSync(directory) };
  } catch (cause) {
    closeSync(directory);
    throw cause;
  }
}

export interface Question {
  /** Names of ports; null: all. */
  names: string[] | null;
}

/** undefined for what is no question. */
export function readQuestion(line: string): Question | undefined {
  try {
    const { names } = JSON.parse(line) as { names?: unknown };
    if (names === null) return { names };
    return Array.isArray(names) && names.every((name) => typeof name === 'string' && isName(name))
      ? { names: names as string[] }
      : undefined;
  } catch {
    return undefined;
  }
}

/** It becomes part of a path. */
function isName(name: string): boolean {
  return /^[a-z]+[a-z0-9+.:-]{1,100}$/.test(name);
}

/**
 * Have the forwarder look at these ports, and get their states when it has.
 *
 * @returns undefined where none runs, or it doesn't answer.
 */
export async function askForwarder(
  state: StateDirectory,
  question: Question,
  timeoutMs: number,
): Promise<Record<string, PortState> | undefined> {
  let opened: ReturnType<typeof open>;
  const open = () => withControlPath(state, (path) => connect({ path, allowHalfOpen: true }));
  try {
    opened = open();
  } catch {
    return undefined;
  }
  const { result: socket, done } = opened;
  try {
    return await new Promise((resolve) => {
      let text = '';
      const timer = setTimeout(() => resolve(undefined), timeoutMs);
      socket.setEncoding('utf8').on('data', (part: string) => (text += part));
      socket.once('error', () => resolve(undefined)).once('close', () => resolve(undefined));
      socket.once('end', () => resolve(readAnswer(text)));
      socket.once('close', () => clearTimeout(timer));
      socket.end(`${JSON.stringify(question)}\n`);
    });
  } finally {
    socket.destroy();
    done();
  }
}

function readAnswer(text: string): Record<string, PortState> | undefined {
  try {
    return (JSON.parse(text) as { ports: Record<string, PortState> }).ports;
  } catch {
    return undefined;
  }
}
