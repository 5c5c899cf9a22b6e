import { cniCommand } from '../commands/cni.js';
import { runAlone } from '../run-alone.js';

runAlone(cniCommand());
