import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { readSysctl, readTree, writeSysctl, type Reading, type Sysctl } from './tree.js';

/**
 * The process inside a scratch network namespace: a line of JSON in, a line of JSON out. It is Node, because a shell
 * doesn't tell which error the kernel had for a value.
 *
 * What it changed it puts back, newest first, when it is asked to and when its caller is gone: a sysctl that turns out to
 * be the host's has its old value again, also when the caller was killed.
 */
export type Request =
  | { do: 'list'; part: string }
  | { do: 'read'; name: string }
  | { do: 'write'; name: string; text: string }
  | { do: 'restore' }
  | { do: 'end' };

export interface Answers {
  list: Sysctl[];
  read: Reading;
  /** The error of the write, and what is there after it. */
  write: { error: string | null; reading: Reading };
  restore: null;
  end: null;
}

export async function runInside(root: string, input: Readable, answer: (line: string) => void): Promise<void> {
  const originals = new Map<string, string>();
  const restore = (): null => {
    for (const [name, text] of [...originals].reverse()) writeSysctl(root, name, text);
    originals.clear();
    return null;
  };
  const act = (request: Request): Answers[Request['do']] => {
    switch (request.do) {
      case 'list':
        return [...readTree(root, request.part).values()];
      case 'read':
        return readSysctl(root, request.name);
      case 'write': {
        const { name, text } = request;
        const before = readSysctl(root, name);
        if ('text' in before && !originals.has(name)) originals.set(name, before.text);
        return { error: writeSysctl(root, name, text) ?? null, reading: readSysctl(root, name) };
      }
      case 'restore':
      case 'end':
        return restore();
    }
  };
  // Not in a `finally`: where nobody reads the answers any more, the process may end before this function does.
  process.once('exit', restore);
  answer('ready');
  for await (const line of createInterface({ input })) {
    const request = JSON.parse(line) as Request;
    answer(JSON.stringify(act(request)));
    if (request.do === 'end') break;
  }
  // Or it would wait for the other end to be closed.
  input.destroy();
}
