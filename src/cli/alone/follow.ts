import { basename, dirname } from 'node:path';
import { processEnvironment } from '../../config/environment.js';
import { backgroundEnvironment } from '../../exec/background.js';
import { followHost } from '../../lifecycle/follow.js';
import { StateDirectory } from '../../state/directory.js';

/** STATE GENERATION: started by scripts/watching.sh with the lock held, never by a user. Its words go to the log. */
const [path = '', generation = ''] = process.argv.slice(2);
const state = new StateDirectory(dirname(path), basename(path));

void followHost(state, generation, backgroundEnvironment(processEnvironment(), state.runtimeDir)).then(
  (said) => {
    for (const line of said) process.stdout.write(`${line}\n`);
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
