import { netavarkCommand } from '../commands/netavark.js';
import { reportNetavarkError } from '../report.js';
import { runAlone } from '../run-alone.js';

runAlone(netavarkCommand(), reportNetavarkError);
