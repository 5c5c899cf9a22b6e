import type { Socket } from 'node:net';

/** What has gone over a port since it was opened: by this forwarder, for another one begins anew. */
export interface Traffic {
  /** Connections, or clients of UDP, those that are gone too. */
  connections: number;
  /** Those of them that reached no server. */
  failed: number;
  /** Bytes from clients. */
  received: number;
  /** Bytes to clients. */
  sent: number;
}

export const NO_TRAFFIC: Traffic = { connections: 0, failed: 0, received: 0, sent: 0 };

/** The clients of a TCP port: those that are there, and what those that were there have left behind. */
export class Clients {
  private readonly open = new Set<Socket>();
  private readonly past = { ...NO_TRAFFIC };

  get size(): number {
    return this.open.size;
  }

  add(client: Socket): void {
    this.open.add(client);
    this.past.connections += 1;
    client.once('close', () => {
      this.open.delete(client);
      this.past.received += client.bytesRead;
      this.past.sent += client.bytesWritten;
    });
  }

  noteFailed(): void {
    this.past.failed += 1;
  }

  [Symbol.iterator](): Iterator<Socket> {
    return this.open.values();
  }

  /** Node counts the bytes of a socket itself, so those that are open are asked. */
  traffic(): Traffic {
    const now = { ...this.past };
    for (const { bytesRead, bytesWritten } of this.open) {
      now.received += bytesRead;
      now.sent += bytesWritten;
    }
    return now;
  }
}

export function sumOf(all: Iterable<Traffic>): Traffic {
  const sum = { ...NO_TRAFFIC };
  for (const { connections, failed, received, sent } of all) {
    sum.connections += connections;
    sum.failed += failed;
    sum.received += received;
    sum.sent += sent;
  }
  return sum;
}
