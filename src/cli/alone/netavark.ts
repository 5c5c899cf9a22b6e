import { netavarkCommand } from '../commands/netavark.js';
import { withoutStateDirectory } from '../netavark/podman-options.js';
import { reportNetavarkError } from '../report.js';
import { runAlone } from '../run-alone.js';

runAlone(netavarkCommand(), reportNetavarkError, withoutStateDirectory(process.argv.slice(2)));
