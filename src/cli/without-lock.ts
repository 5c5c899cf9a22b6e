import { dirname } from 'node:path';
import { removeBase } from '../config/runtime-dir.js';
import { RnetnsError } from '../errors/error.js';
import { checkWritable, statStateDirectory, type StateDirectory } from '../state/directory.js';
import { ownUid } from '../state/runtime.js';

/**
 * What is left to do where the launcher did not lock the state directory. It locks only one that is there, is the caller's own,
 * and can be written. Where there is none, the end of the last one may have been killed before it took away what it lay in.
 *
 * @param absent - there was nothing when the launcher looked; what has come meanwhile is no failure.
 * @throws RnetnsError ERR_STATE_DIR when there is one, always.
 */
export function withoutLock(state: StateDirectory, absent = false): void {
  if (statStateDirectory(state) === undefined || absent) {
    removeBase({ runtimeDir: state.runtimeDir, base: dirname(state.path) }, ownUid());
    return;
  }
  checkWritable(state);
  throw new RnetnsError('ERR_STATE_DIR', `cannot lock the state directory ${state.path}`, {
    hint: 'it must be a directory of your own; flock(1) of util-linux must be installed',
  });
}
