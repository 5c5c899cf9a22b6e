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
  private readonly turns = new Map<string, Promise<void>>();

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
      dropPort(this.state, name);
      void this.followOne(name);
    }
  }

  /** Let each look after its clients, and try what doesn't listen once more. */
  look(): void {
    this.inside.watch();
    for (const [name, { opened }] of this.opened) {
      opened.look();
      if (opened.code !== undefined) void this.inTurn(name, () => this.close(name));
    }
  }

  /** How these are when they have been followed; how many clients they have nobody asks then. */
  async followed(names: readonly string[]): Promise<Record<string, PortState>> {
    await this.follow(names);
    return this.states(names);
  }

  /** How all are now. */
  async all(): Promise<Record<string, PortState>> {
    await this.follow();
    await this.inside.refresh();
    return this.states([...this.opened.keys()]);
  }

  private states(names: readonly string[]): Record<string, PortState> {
    const found = names.flatMap((name) => {
      const opened = this.opened.get(name)?.opened;
      if (opened === undefined) return [];
      return [[name, { code: opened.code ?? null, ...opened.count() }] as const];
    });
    return Object.fromEntries(found);
  }

  /** One after the other for each: what is closed must be closed before it is opened anew. */
  private followOne(name: string): Promise<void> {
    return this.inTurn(name, () => this.bring(name));
  }

  private inTurn(name: string, act: () => Promise<void>): Promise<void> {
    const turn = (this.turns.get(name) ?? Promise.resolve()).then(act);
    this.turns.set(name, turn);
    void turn.finally(() => {
      if (this.turns.get(name) === turn) this.turns.delete(name);
    });
    return turn;
  }

  private async bring(name: string): Promise<void> {
    const stamp = stampOf(this.state, name);
    const known = this.opened.get(name);
    if (known !== undefined && known.stamp === stamp) return known.opened.settled;
    if (known !== undefined) await this.close(name);
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

  private async close(name: string): Promise<void> {
    const known = this.opened.get(name);
    this.opened.delete(name);
    await known?.opened.close();
  }
}
