import type { Readable } from 'node:stream';
import { RnetnsError } from '../../errors/error.js';

/** Annotations can be long; no state is a mebibyte. */
const MAX_BYTES = 1 << 20;
/** The runtime writes it at once, and a container waits. */
const TIMEOUT_MS = 5_000;

/**
 * All of a stream, but not for ever, and not without end.
 *
 * @throws RnetnsError ERR_USAGE; the reason of `signal`.
 */
export async function readState(stream: Readable, signal: AbortSignal): Promise<string> {
  const refuse = (why: string) =>
    new RnetnsError('ERR_USAGE', `reading the container state failed on stdin: ${why}`, {
      hint: 'an OCI runtime writes it and closes it; by hand: rnetns oci-hook <state.json',
    });
  // An abort that comes later is none of the stream's: nobody would catch its error.
  const abort = () => stream.destroy(signal.reason as Error);
  signal.addEventListener('abort', abort);
  const late = setTimeout(() => stream.destroy(refuse(`no end of it within ${TIMEOUT_MS / 1000} s`)), TIMEOUT_MS);
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_BYTES) throw refuse('it is longer than 1 MiB');
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', abort);
  }
  return Buffer.concat(chunks).toString();
}
