/**
 * Theory of operation: where our resolv.conf has to be mounted so that programs inside see it
 *
 * mount(2) follows links, and `/etc/resolv.conf` is one on most hosts. Inside, `/run` is replaced by a directory of
 * ours, so a link into `/run` dangles there unless its target is made and mounted on. Therefore:
 * 1. Every component is looked at, not just the last: `/var/run` is a link to `/run`, and `/etc` can be one
 *    (https://github.com/containers/podman/issues/12461).
 * 2. The walk ends at the *first* path under `/run`: what is a further link there on the host does not exist in our
 *    `/run`, so a mount at the last path would never be found (https://github.com/containers/podman/issues/11222).
 * 3. That path need not exist: whoever mounts makes it (https://github.com/containers/podman/issues/10855).
 *
 * `..` is applied when the walk reaches it. The prefix has no links left then, so this is what the kernel does; to
 * join and normalise the whole path first would turn `/var/run/../etc/x` into `/var/etc/x`.
 */
import { RnetnsError } from '../errors/error.js';

/** Above the 40 of the kernel (path_resolution(7)): a host whose chain the kernel takes must never be refused. */
const MAX_LINKS = 255;

const components = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');

/** `/` and the parts with `..` applied; undefined unless that is a path below `/run`. */
function underRun(parts: readonly string[]): string | undefined {
  const kept: string[] = [];
  for (const part of parts) {
    if (part === '..') kept.pop();
    else kept.push(part);
    // `/run/../x` left /run, and only the walk can tell where it came out.
    if (kept[0] !== 'run') return undefined;
  }
  return kept.length > 1 ? `/${kept.join('/')}` : undefined;
}

/**
 * The path to mount our resolv.conf on, absolute and without links: below `/run`, the path that programs inside will
 * be led to; elsewhere, the file itself.
 *
 * @param readLink - text of the link at an absolute path; null: exists but is no link; undefined: does not exist.
 *   It is only asked about paths whose parents are no links.
 * @param start - where the walk begins, absolute.
 * @returns null when the walk ends outside `/run` at something that does not exist: nothing can be mounted there, and
 *   programs inside see as little of a resolv.conf as those outside.
 * @throws {@link RnetnsError} `ERR_MOUNT`: more than 255 links were followed, or they lead to `/` or `/run` itself.
 */
export function resolvConfTarget(
  readLink: (path: string) => string | null | undefined,
  start = '/etc/resolv.conf',
): string | null {
  let prefix: string[] = []; // link-free, and known to exist
  let rest = components(start);
  let links = 0;
  for (;;) {
    const target = prefix.length === 0 ? underRun(rest) : undefined;
    if (target !== undefined) return target;
    const [part, ...after] = rest;
    if (part === undefined) break;
    rest = after;
    if (part === '..') {
      prefix = prefix.slice(0, -1);
      continue;
    }
    const path = `/${[...prefix, part].join('/')}`;
    const link = readLink(path);
    if (link === undefined) return null;
    if (link === null) {
      prefix = [...prefix, part];
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) {
      throw new RnetnsError('ERR_MOUNT', `cannot resolve ${start}: more than ${MAX_LINKS} links, the last at ${path}`, {
        hint: `a loop of symbolic links: see namei -l ${start}`,
      });
    }
    if (link.startsWith('/')) prefix = [];
    rest = [...components(link), ...rest];
  }
  const end = `/${prefix.join('/')}`;
  if (end === '/' || end === '/run') {
    throw new RnetnsError('ERR_MOUNT', `cannot mount a resolv.conf: ${start} leads to the directory ${end}`, {
      hint: `${start} must be a file or lead to one: see namei -l ${start}`,
    });
  }
  return end;
}
