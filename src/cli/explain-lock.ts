import { RnetnsError } from '../errors/error.js';
import { checkWritable, statStateDirectory, type StateDirectory } from '../state/directory.js';

/**
 * Why the launcher did not lock a state directory that is there: it locks only what is the caller's own, and can be written.
 *
 * @param absent - there was nothing when the launcher looked; what has come meanwhile is no failure.
 * @throws RnetnsError ERR_STATE_DIR, always; unless there is nothing to lock.
 */
export function explainLock(state: StateDirectory, absent = false): void {
  if (statStateDirectory(state) === undefined || absent) return;
  checkWritable(state);
  throw new RnetnsError('ERR_STATE_DIR', `cannot lock the state directory ${state.path}`, {
    hint: 'it must be a directory of your own; flock(1) of util-linux must be installed',
  });
}
