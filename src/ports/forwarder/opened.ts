import type { Port } from '../port.js';
import type { Count } from './channel.js';

/** A port that the forwarder has opened, or tries to. */
export interface Opened {
  port: Port;
  /** Resolves once it is known whether it listens. */
  settled: Promise<void>;
  /** Why it doesn't: EADDRINUSE. */
  code: string | undefined;
  /** Clients now, and what has gone over it; as of the last time that the connector was asked. */
  count: () => Count;
  /** With its connections; resolves when the port of the host is free. */
  close: () => Promise<void>;
  /** Called now and then. */
  look: () => void;
}
