import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { RnetnsError } from '../errors/error.js';
import { BackgroundProcess } from '../exec/background.js';
import { enterArguments, type Target } from '../namespace/enter.js';
import { SCRIPTS } from '../namespace/scripts.js';
import type { StateDirectory } from '../state/directory.js';
import type { PortState } from './forwarder/table.js';

const READY_MS = 15_000;

export interface ForwarderSurroundings {
  state: StateDirectory;
  generation: string;
  /** The whole environment of what outlives us. */
  env: Readonly<Record<string, string>>;
  /** Of the forwarder itself, which has nobody to ask. */
  follow?: (names: readonly string[]) => Promise<Record<string, PortState>>;
  /** Told why a forwarder that we start is not protected from logout. */
  warn?: (message: string) => void;
}

const PROGRAMS = {
  forwarder: fileURLToPath(new URL('../../dist/cli/forwarder.cjs', import.meta.url)),
  connector: fileURLToPath(new URL('../../dist/cli/connector.cjs', import.meta.url)),
};

/**
 * Have the supervisor start it, as it does with one that has died (scripts/forwarding.sh): a child of ours would become that of a runtime
 * which takes in what its hooks leave (PR_SET_CHILD_SUBREAPER of prctl(2)), and crun run waits for all of its children.
 *
 * Returns at once. Nothing happens where no supervisor listens.
 */
export function orderForwarder(state: StateDirectory): void {
  const file = join(state.outside, 'forwarder');
  try {
    // Where one has run, its own words are there.
    if (!existsSync(file)) noteForwarder(state, file);
    const events = openSync(join(state.outside, 'events'), constants.O_RDWR | constants.O_NONBLOCK);
    try {
      if (fstatSync(events).isFIFO()) writeSync(events, 'forwarder\n');
    } finally {
      closeSync(events);
    }
  } catch {
    // There is none, or it has enough to wake up for.
  }
}

/** In the place of what scripts/forwarder.sh writes, and never over that: by its inode a forwarder is known. */
function noteForwarder({ outside }: StateDirectory, file: string): void {
  const ready = join(outside, `.forwarder.${process.pid}`);
  writeFileSync(ready, `0\n${execPath}\n${PROGRAMS.forwarder}\n${PROGRAMS.connector}\n`, { mode: 0o600 });
  try {
    linkSync(ready, file);
  } finally {
    rmSync(ready, { force: true });
  }
}

/**
 * Start the forwarder, unless it runs, and wait until it listens.
 *
 * @param way - into O and M0.
 * @throws RnetnsError ERR_PORT
 */
export async function startForwarder({ state, generation, env }: ForwarderSurroundings, way: Target): Promise<void> {
  const [file = 'sh', ...args] = [
    ...enterArguments(way),
    ...['sh', SCRIPTS.forwarder, state.path, generation],
    ...[execPath, PROGRAMS.forwarder, PROGRAMS.connector],
  ];
  const forwarder = new BackgroundProcess(file, args, env);
  try {
    await forwarder.line(READY_MS);
    forwarder.release();
  } catch (cause) {
    const words = forwarder.stderr;
    forwarder.kill();
    throw new RnetnsError('ERR_PORT', `cannot start the forwarder of ports: ${words === '' ? String(cause) : words}`, {
      hint: 'rnetns repair, and try again',
      cause,
    });
  }
}
