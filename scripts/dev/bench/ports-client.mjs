/**
 * Clients of ports-server.mjs. Arguments: `rate PORT COUNT`: so many connections, 32 at a time, and the seconds it took are
 * printed; `hold PORT COUNT`: all at once, a line when they are there, until stdin ends.
 */
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';

const [what, port, words] = process.argv.slice(2);
const count = Number(words);
const AT_ONCE = 32;

/** Resolves with what was said. */
function ask() {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port) });
    let said = '';
    socket.on('data', (part) => (said += part)).once('error', reject);
    socket.once('close', () => resolve(said));
  });
}

async function rate() {
  const begin = performance.now();
  let left = count;
  const caller = async () => {
    while ((left -= 1) >= 0) if ((await ask()) !== 'x') throw new Error('a connection was lost');
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  console.log((performance.now() - begin) / 1000);
}

async function hold() {
  const sockets = [];
  for (let made = 0; made < count; made += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - made) }, async () => {
      const socket = connect({ host: '127.0.0.1', port: Number(port) });
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
      sockets.push(socket.on('error', reject));
    });
    await Promise.all(some);
  }
  console.log('held');
  process.stdin.resume().once('end', () => process.exit());
}

function reject(error) {
  console.error(`a connection was lost: ${error.message}`);
  process.exit(1);
}

await (what === 'rate' ? rate() : hold());
