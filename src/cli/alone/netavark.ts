import { netavarkCommand } from '../commands/netavark.js';
import { runAlone } from '../run-alone.js';

runAlone(netavarkCommand());
