/**
 * Theory of operation: the mounts that programs inside the namespace live with
 *
 * Network plugins and iptables want to write below `/run` (`/run/xtables.lock`) and `/var/lib/cni`, which belong to
 * the host's root. So both are replaced by directories of our state, in a mount namespace of our own; what must stay
 * visible below `/run` is bound into the replacement first. The order matters:
 *
 * 0. (By whoever makes the mount namespace) propagation *slave*, recursive: *shared* would show our mounts on the
 *    host, *private* would hold file systems busy that the host unmounted long ago
 *    (https://github.com/containers/podman/issues/25994, mount_namespaces(7)).
 * 1. The runtime directory, into the new `/run`: it holds named namespaces, sockets, and this very state.
 * 2. `/run/systemd`, likewise: `/dev/log` and others are links into it.
 * 3. Our resolv.conf, where the host's `/etc/resolv.conf` leads to (resolv-conf-target.ts). Below
 *    `/run/systemd/resolve/` an empty tmpfs goes first: systemd-resolved replaces its files by rename, and a mount on
 *    a file that is unlinked outside goes away (https://github.com/containers/podman/issues/10929). After 1 and 2,
 *    or those would cover it.
 * 4. With CNI, a writable `/var/lib/cni`. Where it does not exist, an overlay on its nearest parent: a plain bind
 *    there, as podman has it, would hide all of `/var/lib`.
 * 5. The new `/run` in place, recursive so that 1 to 3 come along; last, because 1 and 2 read the old one.
 *
 * resolv.conf *below the runtime directory* (`/etc/resolv.conf -> /run/user/1000/x`): the target is then in the bind of
 * 1, so the mount is made on the user's real file, though seen only inside (the namespace is a slave). No tmpfs can
 * protect it without hiding the user's other files, so a rename of that file outside undoes the mount, as it does for
 * a plain `/etc/resolv.conf` (https://github.com/rootless-containers/rootlesskit/issues/5): reconcile mounts again.
 * A missing mount point would be made in the user's own directory, outside too; the user owns it, so it succeeds.
 */
import { posix } from 'node:path';

import type { NetworkBackend } from '../config/config.js';
import { RnetnsError } from '../errors/error.js';

const CNI_DIRECTORY = '/var/lib/cni';
const RESOLVED_DIRECTORY = '/run/systemd/resolve/';

/**
 * One mount. Source and target are absolute without links, but for `tmpfs`, whose source is the word `tmpfs`.
 * `bind` and `rbind`: source is seen at target. `overlay`: target stays visible, and source, a directory of our state,
 * is the upper layer that takes all changes (with `userxattr`; the work directory is the mounter's choice).
 * A target inside the state directory may have to be made first, as a file for resolv.conf and else as a directory.
 */
export interface Mount {
  type: 'bind' | 'rbind' | 'tmpfs' | 'overlay';
  source: string;
  target: string;
}

export interface MountFacts {
  /** The `rootless-netns` directory with `resolv.conf`, `run/` and, for CNI, `var/lib/cni`. Absolute. */
  stateDir: string;
  /** `$XDG_RUNTIME_DIR`. Absolute. */
  runtimeDir: string;
  /** Of `resolvConfTarget`; null: there is nothing to mount our resolv.conf on. */
  resolvConfTarget: string | null;
  hasRunSystemd: boolean;
  networkBackend: NetworkBackend;
  /** `exists`: there is a `/var/lib/cni`; `parent`: its nearest parent that exists. Only read with backend `cni`. */
  cni: { exists: boolean; parent: string };
}

function planCni(stateDir: string, cni: MountFacts['cni']): Mount {
  if (cni.exists) return { type: 'bind', source: posix.join(stateDir, CNI_DIRECTORY), target: CNI_DIRECTORY };
  const parent = posix.normalize(cni.parent).replace(/\/+$/, '');
  // An overlay on `/` would put our layer over everything, /etc and the state directory included.
  if (parent === '' || !CNI_DIRECTORY.startsWith(`${parent}/`)) {
    throw new RnetnsError(
      'ERR_MOUNT',
      `cannot make ${CNI_DIRECTORY} writable: it does not exist, and its nearest existing parent is ${cni.parent}`,
      { hint: `make the directory: mkdir -p ${CNI_DIRECTORY}, or set network_backend = netavark` },
    );
  }
  return { type: 'overlay', source: posix.join(stateDir, parent), target: parent };
}

/**
 * The mounts, in the order in which they must be made.
 *
 * @throws {@link RnetnsError} `ERR_MOUNT`: neither `/var/lib/cni` nor a parent of it other than `/` exists.
 */
export function planMounts(facts: MountFacts): Mount[] {
  const { stateDir, runtimeDir, resolvConfTarget } = facts;
  const inState = (path: string): string => posix.join(stateDir, path);
  const mounts: Mount[] = [{ type: 'rbind', source: runtimeDir, target: inState(runtimeDir) }]; // 1.
  // 2.
  if (facts.hasRunSystemd) mounts.push({ type: 'rbind', source: '/run/systemd', target: inState('/run/systemd') });
  // 3.
  mounts.push(...resolvConfMounts(stateDir, resolvConfTarget));
  if (facts.networkBackend === 'cni') mounts.push(planCni(stateDir, facts.cni)); // 4.
  mounts.push({ type: 'rbind', source: inState('/run'), target: '/run' }); // 5.
  return mounts;
}

function resolvConfMounts(stateDir: string, target: string | null): Mount[] {
  if (target === null) return [];
  const inState = (path: string): string => posix.join(stateDir, path);
  const source = inState('resolv.conf');
  return [
    ...(target.startsWith(RESOLVED_DIRECTORY) ? [tmpfsForResolved(stateDir)] : []),
    { type: 'bind', source, target: target.startsWith('/run/') ? inState(target) : target },
  ];
}

function tmpfsForResolved(stateDir: string): Mount {
  return { type: 'tmpfs', source: 'tmpfs', target: posix.join(stateDir, '/run/systemd/resolve') };
}

/** The same mounts for a host whose /etc/resolv.conf leads elsewhere by now. */
export function withResolvConfAt(mounts: readonly Mount[], stateDir: string, target: string): Mount[] {
  const [tmpfs, source] = [tmpfsForResolved(stateDir), posix.join(stateDir, 'resolv.conf')];
  const others = mounts.filter((mount) => mount.source !== source && mount.target !== tmpfs.target);
  // Just before the new /run, or after what it needs: the runtime directory and /run/systemd.
  const at = others.findLastIndex(
    ({ type, source: from }) => type === 'rbind' && from !== posix.join(stateDir, '/run'),
  );
  return [...others.slice(0, at + 1), ...resolvConfMounts(stateDir, target), ...others.slice(at + 1)];
}
