import type { StateDirectory } from '../state/directory.js';
import { isNamespaceFile } from '../namespace/namespace-file.js';
import { readLive } from '../state/live.js';
import { isAlive } from '../state/process.js';

/** What other programs need to take part: docs/protocol.md. */
export interface NamespacePaths {
  /**
   * The network namespace. Where it is mounted on its file (in `rnetns unshare`) that; elsewhere the keeper's, which is
   * good as long as the keeper lives: look again after a failure.
   */
  netns: string;
  /** The resolv.conf seen inside; changed in place only. */
  resolvConf: string;
  /** The state directory. */
  state: string;
}

/** undefined for one that is down. */
export function namespacePaths(state: StateDirectory): NamespacePaths | undefined {
  const live = readLive(state);
  if (live === undefined || !isAlive(live.keeper)) return undefined;
  return {
    netns: isNamespaceFile(state.netns) ? state.netns : `/proc/${live.keeper.pid}/ns/net`,
    resolvConf: state.resolvConf,
    state: state.path,
  };
}
