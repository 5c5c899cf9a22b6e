import { closeSync, openSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { processEnvironment } from '../../config/environment.js';
import { runForwarder } from '../../ports/forwarder/run.js';
import { StateDirectory } from '../../state/directory.js';

/** STATE GENERATION CONNECTOR: started by scripts/forwarder.sh, never by a user. */
const [path = '', generation = '', connector = ''] = process.argv.slice(2);
const { PATH = '' } = processEnvironment();

void runForwarder({
  state: new StateDirectory(dirname(path), basename(path)),
  generation,
  connector: [process.execPath, connector],
  env: { PATH },
  onReady: () => {
    writeSync(1, 'ready\n');
    // Who has started us goes on without us, and there is nobody to read what we say.
    for (const fd of [1, 2]) {
      closeSync(fd);
      openSync('/dev/null', 'r+');
    }
  },
}).then(() => process.exit());
