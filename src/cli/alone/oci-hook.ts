import { ociHookCommand } from '../commands/oci-hook.js';
import { runAlone } from '../run-alone.js';

runAlone(ociHookCommand());
