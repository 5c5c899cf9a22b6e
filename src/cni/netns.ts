import { statfsSync, statSync } from 'node:fs';
import { CNI_CODE, CniError } from './error.js';

/** NSFS_MAGIC, and PROC_SUPER_MAGIC, as it was before Linux 3.19. */
const NAMESPACE_FILE_SYSTEMS = [0x6e736673, 0x9fa0];

/**
 * Could a container's network namespace be that of a path? Plugins of before 1.2 don't ask: in the shared namespace itself
 * they would make both ends of the pair, and what they say of other faults has no code of its own.
 *
 * @param opened - a path to the open file: what the other one leads to inside, links included, nobody outside can tell.
 * @param shared - path of the namespace that the plugins run in.
 * @throws CniError badNetns
 */
export function checkNetns(path: string, opened: string, shared: string): void {
  const refuse = (why: string, hint: string) => new CniError(CNI_CODE.badNetns, `${path} ${why}`, { hint });
  const file = statSync(opened, { throwIfNoEntry: false });
  if (file === undefined) {
    throw refuse('is no network namespace: there is no such file inside', 'rnetns netns list; rnetns netns add NAME');
  }
  if (!NAMESPACE_FILE_SYSTEMS.includes(statfsSync(opened).type)) {
    throw refuse('is no network namespace', 'the path of a namespace file, such as /proc/PID/ns/net');
  }
  const { dev, ino } = statSync(shared);
  if (file.dev === dev && file.ino === ino) {
    throw refuse('is the shared network namespace itself', 'a container needs one of its own: rnetns netns add NAME');
  }
}
