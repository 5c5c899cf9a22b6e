import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { RnetnsError } from '../errors/error.js';
import { BackgroundProcess } from '../exec/background.js';
import { enterArguments, type Target } from '../namespace/enter.js';
import { SCRIPTS } from '../namespace/scripts.js';
import type { StateDirectory } from '../state/directory.js';

const READY_MS = 15_000;

export interface ForwarderSurroundings {
  state: StateDirectory;
  generation: string;
  /** The whole environment of what outlives us. */
  env: Readonly<Record<string, string>>;
}

const PROGRAMS = {
  forwarder: fileURLToPath(new URL('../../dist/cli/forwarder.cjs', import.meta.url)),
  connector: fileURLToPath(new URL('../../dist/cli/connector.cjs', import.meta.url)),
};

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
