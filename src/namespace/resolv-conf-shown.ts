import { statSync } from 'node:fs';
import type { StateDirectory } from '../state/directory.js';
import { isSameFile } from '../state/files.js';
import type { ProcessId } from '../state/process.js';

/**
 * Is our resolv.conf where commands look for it? Not after the host's has been replaced by a rename, which takes every
 * mount on the old file away, in all mount namespaces (https://github.com/rootless-containers/rootlesskit/issues/5).
 */
export function showsResolvConf({ resolvConf }: StateDirectory, keeper: ProcessId, target: string): boolean {
  const seen = statSync(`/proc/${keeper.pid}/root${target}`, { throwIfNoEntry: false });
  const ours = statSync(resolvConf, { throwIfNoEntry: false });
  return isSameFile(ours, seen);
}
