import { closeSync, constants, openSync, rmSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { RnetnsError } from '../../errors/error.js';
import { errnoCode } from '../../config/errno.js';
import { closePorts } from '../close.js';
import { meantBy } from '../meant.js';
import { isOwnerThere } from '../owner.js';
import { nameOf, plainPort, type Owner, type Port } from '../port.js';
import { publishPorts } from '../publish.js';
import { parseRequest, type Request } from '../request.js';
import { parseSpecification } from '../specification.js';
import type { ForwarderSurroundings } from '../start-forwarder.js';
import { inWords } from '../words.js';

type Following = ForwarderSurroundings & Required<Pick<ForwarderSurroundings, 'follow'>>;

/** Whoever asks opens the FIFO for the answer as soon as it has asked. */
const ANSWER_MS = 2000;

/**
 * What `rnetns port` does, for the launcher: Node takes ten times as long to start as a port to open. What isn't done is answered
 * by "no", and Node then says why.
 *
 * @returns how many requests have come; the FIFO is scripts/forwarder.sh's.
 */
export function serveRequests(around: Following): () => number {
  let count = 0;
  const fifo = openSync(join(around.state.outside, 'ports.ask'), constants.O_RDWR | constants.O_NONBLOCK);
  let rest = '';
  new Socket({ fd: fifo, readable: true, writable: false })
    .setEncoding('utf8')
    .on('error', () => undefined)
    .on('data', (part: string) => {
      const lines = (rest + part).split('\n');
      rest = (lines.pop() ?? '').slice(-LONGEST);
      for (const line of lines) {
        count += 1;
        const request = parseRequest(line);
        if (request !== undefined) void serve(around, request);
      }
    });
  return () => count;
}

/** PIPE_BUF: what is longer may be torn (pipe(7)). */
const LONGEST = 4096;

async function serve(around: Following, request: Request): Promise<void> {
  const { state } = around;
  try {
    if (request.act === 'delete') {
      await closePorts(state, meantBy(request.words, { id: request.id }), around.follow);
      await answer(around, request.pid, 'ok\n');
      return;
    }
    const ports = await add(around, request);
    const isHeard = await answer(around, request.pid, `ok\n${ports.map((port) => `${inWords(port)}\n`).join('')}`);
    if (isHeard) return;
    const names = new Set(ports.map(nameOf));
    await closePorts(state, (port) => names.has(nameOf(port)), around.follow);
  } catch (error) {
    await answer(around, request.pid, 'no\n');
    if (!(error instanceof RnetnsError)) throw error;
  }
}

async function add(around: ForwarderSurroundings, { id, words }: Request): Promise<Port[]> {
  const owner: Owner = id === undefined ? { kind: 'namespace' } : { kind: 'reference', id };
  if (!isOwnerThere(around.state, owner)) throw new RnetnsError('ERR_REFERENCES', `there is no reference ${id ?? ''}`);
  const asked = words.flatMap(parseSpecification).map((port): Port => ({ ...plainPort(port), owner }));
  return publishPorts(around, asked);
}

/** Without waiting for one who has gone. @returns whether somebody was there. */
async function answer({ state }: ForwarderSurroundings, pid: number, text: string): Promise<boolean> {
  const path = join(state.outside, `.answer.${pid}`);
  for (const deadline = performance.now() + ANSWER_MS; performance.now() < deadline;) {
    try {
      const fifo = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        writeSync(fifo, text);
      } finally {
        closeSync(fifo);
      }
      rmSync(path, { force: true });
      return true;
    } catch (error) {
      if (errnoCode(error) !== 'ENXIO') return false;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  rmSync(path, { force: true });
  return false;
}
