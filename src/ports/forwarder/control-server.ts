import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import type { StateDirectory } from '../../state/directory.js';
import { readQuestion, withControlPath } from '../control.js';
import type { PortTable } from './table.js';

/** Who asks does so at once. */
const SILENT_MS = 5000;
/** 1,000 names of ports. */
const LONGEST = 200_000;

/** Answer questions; whoever asks nothing is in nobody's way. */
export async function serveQuestions(state: StateDirectory, table: PortTable): Promise<() => void> {
  const server = createServer({ allowHalfOpen: true }, (client) => hear(client, table));
  // Ours alone: the lock says that no other forwarder runs, so what is there is a dead one's.
  const { done } = withControlPath(state, (path) => {
    rmSync(path, { force: true });
    server.listen(path);
  });
  await new Promise<void>((resolve, reject) => server.once('listening', resolve).once('error', reject));
  server.on('error', () => undefined);
  return () => {
    server.close();
    done();
  };
}

function hear(client: Socket, table: PortTable): void {
  let text = '';
  client.setTimeout(SILENT_MS, () => client.destroy());
  client.on('error', () => undefined);
  client.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    if (text.length > LONGEST) client.destroy();
  });
  client.on('end', () => {
    const question = readQuestion(text);
    if (question === undefined) {
      client.destroy();
      return;
    }
    const { names } = question;
    const answer = names === null ? table.all() : table.followed(names);
    void answer.then((ports) => client.end(JSON.stringify({ ports })));
  });
}
