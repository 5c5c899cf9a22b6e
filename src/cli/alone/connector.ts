import type { Socket as DatagramSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { Order } from '../../ports/forwarder/channel.js';
import { Connector } from '../../ports/forwarder/connector.js';

/** Started by the forwarder, with a channel to it; it ends with that. */
const connector = new Connector((report, socket, sent) => {
  // Node's types know of no datagram sockets here, but it sends them (child_process, subprocess.send).
  process.send?.(report, socket as Socket | (DatagramSocket & Socket) | undefined, undefined, sent);
});
process.on('message', (order, handle) => connector.obey(order as Order, handle));
process.on('disconnect', () => process.exit());
process.send?.({ kind: 'ready' });
