import { existsSync, rmSync, rmdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { RnetnsError } from '../errors/error.js';
import { runCommand } from '../exec/command.js';
import type { StateDirectory } from '../state/directory.js';
import { killProcess } from '../state/process.js';
import { findComponents } from './components.js';
import { enterArguments } from './enter.js';
import { SCRIPTS } from './scripts.js';

const TIMEOUT_MS = 15_000;

/**
 * End every process of a shared namespace and remove its state. The lock is held. What is already gone is success.
 *
 * @throws RnetnsError ERR_STATE_DIR naming what is left.
 */
export async function removeNamespace(state: StateDirectory, env: Readonly<Record<string, string>>): Promise<void> {
  const components = findComponents(state);
  // Whoever is in M0 will do; the program runs there because only root of the user namespace may remove what a
  // command made under another of its ids, or what an overlay left with mode 0.
  const inside = components.holder ?? components.supervisor ?? components.keeper;
  if (inside !== undefined) {
    const [file = '', ...args] = enterArguments({ pid: inside.pid, user: true, mount: true });
    await runCommand(file, [...args, 'sh', SCRIPTS.teardown, state.path], { env, timeoutMs: TIMEOUT_MS });
  }
  // The program ended them all; this is for those that it could not reach, with nobody left to lead it to them.
  const { supervisor, keeper, driver, holder } = components;
  for (const survivor of [supervisor, keeper, driver, holder]) {
    if (survivor !== undefined) killProcess(survivor);
  }
  try {
    rmSync(state.path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    const command = ['--user', '--map-root-user', 'rm', '-rf', '--', state.path];
    await runCommand('unshare', command, { env, timeoutMs: TIMEOUT_MS });
  }
  if (existsSync(state.path)) {
    throw new RnetnsError('ERR_STATE_DIR', `cannot remove ${state.path}: something in it is not yours`, {
      hint: `sudo rm -r ${state.path}`,
    });
  }
  removeIfEmpty(dirname(state.path));
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Another name's state is in it.
  }
}
