import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, statSync, writeSync } from 'node:fs';
import type { StateDirectory } from './directory.js';
import { isSameFile, statOptional } from './files.js';
import { ownPids } from './process.js';

/**
 * Those of `pids` that hold the FIFO of a generation open for writing, whatever namespace they are in; not our own. Our
 * supervisor and its children only read.
 */
export function holdsLease(state: StateDirectory, generation: string | undefined, pids = ownPids()): number[] {
  if (generation === undefined) return [];
  const fifo = statSync(state.lease(generation), { throwIfNoEntry: false });
  if (fifo === undefined) return [];
  return pids.filter(
    (pid) =>
      pid !== process.pid &&
      descriptors(pid).some((path) => {
        return isSameFile(statOptional(path), fifo) && isWritable(path);
      }),
  );
}

function descriptors(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`);
  } catch {
    return [];
  }
}

/** proc_pid_fd(5): the mode of the link is that of the open file. */
function isWritable(path: string): boolean {
  return ((lstatSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o200) !== 0;
}

/** Even root may not look at every process: of such a one the descriptors can't be ours. */
/** As a newcomer does it: the supervisor looks then at all that it has to look after. Nothing happens where there is none. */
export function ringSupervisor(state: StateDirectory, generation: string): void {
  try {
    const fifo = openSync(state.lease(generation), constants.O_RDWR | constants.O_NONBLOCK);
    try {
      if (fstatSync(fifo).isFIFO()) writeSync(fifo, '\n');
    } finally {
      closeSync(fifo);
    }
  } catch {
    // Full: it has enough to wake up for. Or it isn't there.
  }
}
