import { closeSync, constants, openSync, statfsSync, statSync } from 'node:fs';
import { CNI_CODE, CniError } from './error.js';

const NSFS_MAGIC = 0x6e736673;
/** PROC_SUPER_MAGIC is what it was before Linux 3.19. */
const NAMESPACE_FILE_SYSTEMS = [NSFS_MAGIC, 0x9fa0];

/**
 * A namespace's file as the caller sees it: podman and others mount theirs in a mount namespace of their own, where ours
 * can't look. The caller closes it.
 *
 * @returns undefined where there is no namespace of that path out here: ours are seen inside only.
 */
export function openNetns(path: string): number | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    if (statfsSync(`/proc/self/fd/${fd}`).type === NSFS_MAGIC) return fd;
  } catch {
    // Whatever is wrong with it is told where it is looked for next.
  }
  if (fd !== undefined) closeSync(fd);
  return undefined;
}

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
