import type { StateDirectory } from '../state/directory.js';

/** What every part of one shared namespace is started with. */
export interface Surroundings {
  state: StateDirectory;
  generation: string;
  lingerSeconds: number;
  /** The whole environment of what outlives us: nothing of the caller's unit or session. */
  env: Readonly<Record<string, string>>;
  /** Report what went wrong but stops nobody. */
  warn: (message: string) => void;
}
