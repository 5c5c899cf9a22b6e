import { portCommand } from '../commands/port.js';
import { runAlone } from '../run-alone.js';

runAlone(portCommand());
