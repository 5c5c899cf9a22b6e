import type { Port } from '../port.js';
import type { Traffic } from './traffic.js';

/** A port that the forwarder has opened, or tries to. */
export interface Opened {
  port: Port;
  /** Resolves once it is known whether it listens. */
  settled: Promise<void>;
  /** Why it doesn't: EADDRINUSE. */
  code: string | undefined;
  /** Connections or clients now. */
  clients: () => number;
  traffic: () => Traffic;
  /** With its connections. */
  close: () => void;
  /** Called now and then. */
  look: () => void;
}
