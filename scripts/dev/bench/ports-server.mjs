/**
 * What the clients of ports.mjs are connected to. Arguments: ADDRESS PORT MEGABYTES. Prints a line when it listens.
 *
 * PORT answers a byte and ends, PORT + 1 takes so many megabytes and answers a byte, PORT + 2 sends so many, PORT + 3 keeps what
 * comes. The data is dd's: a server in Node would be slower than what is measured.
 */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

const [address, first, megabytes] = process.argv.slice(2);

/** The child has the connection alone. */
const byDd = (script) => (socket) => {
  spawn('sh', ['-c', script, 'sh', megabytes], { stdio: [socket, socket, 'ignore'] });
  socket.unref();
  socket.destroy();
};
const serve = [
  (socket) => socket.on('error', () => undefined).end('x'),
  byDd('dd bs=1M iflag=fullblock count="$1" of=/dev/null && printf x'),
  byDd('dd bs=1M if=/dev/zero count="$1"'),
  (socket) => socket.on('error', () => undefined),
];
let left = serve.length;
for (const [index, accept] of serve.entries()) {
  const listening = () => (left -= 1) === 0 && console.log('up');
  createServer({ pauseOnConnect: index !== 0 }, accept).listen(
    { host: address, port: Number(first) + index, backlog: 4096 },
    listening,
  );
}
