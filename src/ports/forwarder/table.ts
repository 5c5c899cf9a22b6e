import type { StateDirectory } from '../../state/directory.js';
import { dropPort, portNames, readPortFile, stampOf } from '../desired.js';
import { isOwnerThere } from '../owner.js';
import type { Inside } from './inside.js';
import type { Opened } from './opened.js';
import { openTcpPort } from './tcp-port.js';
import { openToHostPort } from './to-host-port.js';
import type { Traffic } from './traffic.js';
import { openUdpPort } from './udp-port.js';

/** How a port is: `code` is why it doesn't listen. */
export interface PortState {
  code: string | null;
  clients: number;
  traffic: Traffic;
}

/**
 * The ports that are open, made to be those that are desired. What is asked of one never touches another: each has a listener and
 * connections of its own.
 */
export class PortTable {
  private readonly opened = new Map<string, { stamp: string; opened: Opened }>();

  constructor(
    private readonly state: StateDirectory,
    private readonly inside: Inside,
  ) {}

  get size(): number {
    return this.opened.size;
  }

  /** Open and close what has changed among these, or among all; done when each listens or is known not to. */
  async follow(
    names: readonly string[] = [...new Set([...portNames(this.state), ...this.opened.keys()])],
  ): Promise<void> {
    await Promise.all(names.map((name) => this.followOne(name)));
  }

  /** Close what has lost its owner, for good. Each owner is looked for once, for it may have many. */
  closeForsaken(): void {
    const seen = new Map<string, boolean>();
    for (const [name, { opened }] of this.opened) {
      const { owner } = opened.port;
      const key = JSON.stringify(owner);
      const isThere = seen.get(key) ?? isOwnerThere(this.state, owner);
      seen.set(key, isThere);
      if (isThere) continue;
      this.close(name);
      dropPort(this.state, name);
    }
  }

  /** Let each look after its clients, and try what doesn't listen once more. */
  look(): void {
    this.inside.watch();
    for (const [name, { opened }] of this.opened) {
      opened.look();
      if (opened.code !== undefined) this.close(name);
    }
  }

  states(names: readonly string[] = [...this.opened.keys()]): Record<string, PortState> {
    const found = names.flatMap((name) => {
      const opened = this.opened.get(name)?.opened;
      if (opened === undefined) return [];
      return [[name, { code: opened.code ?? null, clients: opened.clients(), traffic: opened.traffic() }] as const];
    });
    return Object.fromEntries(found);
  }

  private async followOne(name: string): Promise<void> {
    const stamp = stampOf(this.state, name);
    const known = this.opened.get(name);
    if (known !== undefined && known.stamp === stamp) return known.opened.settled;
    if (known !== undefined) this.close(name);
    const port = stamp === undefined ? undefined : readPortFile(this.state, name);
    if (stamp === undefined || port === undefined) return;
    if (!isOwnerThere(this.state, port.owner)) {
      dropPort(this.state, name);
      return;
    }
    const open = port.toHost ? openToHostPort : port.protocol === 'tcp' ? openTcpPort : openUdpPort;
    const opened = open(port, this.inside);
    this.opened.set(name, { stamp, opened });
    await opened.settled;
  }

  private close(name: string): void {
    this.opened.get(name)?.opened.close();
    this.opened.delete(name);
  }
}
