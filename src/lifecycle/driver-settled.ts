import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findComponents } from '../namespace/components.js';
import { readOptional, writeAtomic } from '../state/files.js';
import { isAlive } from '../state/process.js';
import { noteMended, type Context } from './context.js';

const RESTART_MS = 5000;
const POLL_MS = 20;

/**
 * The supervisor empties the pid file while it restarts its driver; wait for the outcome, whichever it is. Of its two files
 * one that something else has damaged is written again: from the other one, or from what runs.
 *
 * @returns false when there was none for so long.
 */
export async function driverSettled(context: Context): Promise<boolean> {
  const { state } = context;
  const write = (path: string, text: string): void => {
    writeAtomic(path, text);
    noteMended(context, 'file', `${basename(path)} written again: it was missing or damaged`);
  };
  for (let waited = 0; waited < RESTART_MS; waited += POLL_MS) {
    const recorded = readOptional(state.driverPid) ?? '';
    const noted = /^(\d+) (\d+) \d+\n/.exec(readOptional(state.driverState) ?? '');
    const driver = noted === null ? findComponents(state).driver : undefined;
    if (driver !== undefined) write(state.driverState, `${driver.pid} ${driver.startTicks} 0\n\n`);
    else if (noted === null && recorded === '0\n') write(state.driverState, '0 0 0\n\n');
    const [pid, startTicks] = [Number(noted?.[1] ?? driver?.pid ?? 0), Number(noted?.[2] ?? driver?.startTicks ?? 0)];
    if (isAlive({ pid, startTicks })) {
      if (recorded !== `${pid}\n`) write(state.driverPid, `${pid}\n`);
      return true;
    }
    if (pid === 0 && recorded === '0\n') return true;
    await sleep(POLL_MS);
  }
  return false;
}
