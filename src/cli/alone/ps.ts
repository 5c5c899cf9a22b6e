import { psCommand } from '../commands/ps.js';
import { runAlone } from '../run-alone.js';

runAlone(psCommand());
