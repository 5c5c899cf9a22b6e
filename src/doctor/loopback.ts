import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { execPath } from 'node:process';
import { tryProgram } from '../exec/probe.js';

const TIMEOUT_MS = 1500;

/**
 * What root of a network namespace may do with its routes, so that packets for 127.0.0.0/8 go to the driver: the kernel
 * takes them for its own loopback's only as long as those addresses are there (ip-sysctl: route_localnet). For sh, with the
 * command that follows as its arguments; exported for the test that does the same in a shared namespace.
 */
export const LEAD_OUT = `
set -e
for file in /proc/sys/net/ipv4/conf/*/route_localnet; do echo 1 >"$file"; done
gateway=$(ip -4 route show default | { read -r _ _ via _; echo "$via"; })
device=$(ip -4 route show default | { read -r _ _ _ _ name _; echo "$name"; })
address=$(ip -4 -oneline address show dev "$device" | { read -r _ _ _ prefixed _; echo "\${prefixed%/*}"; })
ip address flush dev lo
ip route add 127.0.0.0/8 via "$gateway" dev "$device" src "$address"
exec "$@"`;

const CONNECT = `
const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1');
const end = () => process.exit();
socket.on('connect', end).on('error', end);
setTimeout(end, 700);`;

/**
 * Can root of a network namespace reach what listens on our 127.0.0.1, through its driver? Tried on a listener of our own.
 *
 * @param enter - leads a command into a scratch namespace, whose routes are no good afterwards.
 */
export async function reachesLoopback(
  enter: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<boolean> {
  let isReached = false;
  const server = createServer((socket) => {
    isReached = true;
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const command = [...enter, 'sh', '-c', LEAD_OUT, 'sh', execPath, '--eval', CONNECT, String(port)];
    await tryProgram(command, { env, timeoutMs: TIMEOUT_MS });
  } finally {
    server.close();
  }
  return isReached;
}
