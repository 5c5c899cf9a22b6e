import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hasSeccompFilter, isContainer, serviceUnit } from '../config/confinement.js';
import { runCommand } from '../exec/command.js';
import { shellWord } from '../exec/shell-word.js';
import { readOptional } from '../state/files.js';
import { allPids, ownPids } from '../state/process.js';
import { mountsOf, type MountLine } from './mountinfo.js';
import { SCRIPTS } from './scripts.js';

/** Why something can't be made, as far as there is evidence, and what to do, where that is known. */
export interface Obstacle {
  why: string;
  hint: string | undefined;
}

/** Why this process can make no user namespace. Asked once it has failed. */
export function usernsObstacle(): Obstacle {
  const sysctl = (name: string): string | undefined => readOptional(`/proc/sys/${name}`)?.trim();
  if (!existsSync('/proc/self/ns/user')) {
    return {
      why: 'this kernel has no user namespaces',
      hint: 'a kernel with CONFIG_USER_NS; in a sandbox, one that lets user namespaces be made',
    };
  }
  const limit = sysctl('user/max_user_namespaces');
  if (limit === '0') {
    return {
      why: 'user namespaces are off',
      hint: 'user namespaces are off: sudo sysctl user.max_user_namespaces=15000',
    };
  }
  if (sysctl('kernel/unprivileged_userns_clone') === '0') {
    return {
      why: 'user namespaces are for root only',
      hint: 'user namespaces are for root only: sudo sysctl kernel.unprivileged_userns_clone=1',
    };
  }
  if (sysctl('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return {
      why: 'AppArmor restricts user namespaces',
      hint: `AppArmor restricts user namespaces: ${apparmorCommand()}`,
    };
  }
  // The kernel's own limit is some ten thousands.
  if (limit !== undefined && Number(limit) < 100) {
    return {
      why: `user.max_user_namespaces is ${limit}, and they may be in use`,
      hint: 'sudo sysctl user.max_user_namespaces=15000',
    };
  }
  return limitReached() ?? filtered() ?? chrooted() ?? { why: 'the kernel refuses it', hint: undefined };
}

/** Why a program ended without a word: by a limit, or killed by a seccomp filter (seccomp(2), SECCOMP_RET_KILL). */
export function silentEnd(signal: NodeJS.Signals | undefined): Obstacle | undefined {
  return limitReached() ?? (signal === 'SIGSYS' ? filtered() : undefined);
}

/** A seccomp filter: as docker and podman put on their containers, and systemd on services with RestrictNamespaces=. */
export function filtered(): Obstacle | undefined {
  if (!hasSeccompFilter()) return undefined;
  const unit = serviceUnit();
  const inUnit = `RestrictNamespaces=no in ${unit ?? 'the unit'}, and @mount, setns and unshare in its SystemCallFilter=`;
  const inContainer = 'a container needs --security-opt seccomp=unconfined, or a profile with unshare and setns';
  const wanted = [
    ...(unit === undefined ? [] : [inUnit]),
    ...(unit === undefined || isContainer() ? [inContainer] : []),
  ];
  const hint = wanted.join('; ');
  return { why: `a seccomp filter is in force${unit === undefined ? '' : `, that of ${unit}`}`, hint };
}

/**
 * user_namespaces(7): EPERM for a process whose root directory isn't that of its mount namespace. No file tells which one
 * that is, but mountinfo shows what lies below the root directory of a process, and that of others is open to all. So it
 * isn't ours where no mount is at our root (chroot(2) into a directory), where a second one is (mounted over it), and
 * where the mount at our root lies somewhere below another process's.
 */
function chrooted(): Obstacle | undefined {
  const mounts = mountsOf('self');
  const [root, covering] = mounts.filter(({ point }) => point === '/');
  const isBelow = ({ id, point }: MountLine): boolean => id === root?.id && point !== '/';
  const is =
    mounts.length > 0 &&
    (root === undefined || covering !== undefined || allPids().some((pid) => mountsOf(pid).some(isBelow)));
  if (!is) return undefined;
  return {
    why: 'this is a chroot, in which the kernel makes no user namespace',
    hint: 'enter the directory by pivot_root(2), as systemd-nspawn, bwrap and podman do, instead of chroot',
  };
}

/** ip(8) and the drivers configure interfaces by AF_NETLINK, which RestrictAddressFamilies= (systemd.exec(5)) may refuse. */
export async function netlinkObstacle(env: Readonly<Record<string, string>>): Promise<Obstacle | undefined> {
  if (!hasSeccompFilter()) return undefined;
  const { status } = await runCommand('ip', ['link', 'show', 'lo'], { env, timeoutMs: NETLINK_MS });
  if (status === 0 || status === undefined) return undefined;
  return {
    why: 'a seccomp filter lets no netlink socket be opened',
    hint: `RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK in ${serviceUnit() ?? 'the unit, or none in the profile of the container'}`,
  };
}

const NETLINK_MS = 2000;

/** Room that making a namespace needs: its processes while it comes up. */
const PROCESSES_NEEDED = 12;
const FILES_NEEDED = 64;

/** Processes or files, of which there may be no more: setrlimit(2), and pids.max of a cgroup. */
export function limitReached(): Obstacle | undefined {
  const limits = readOptional('/proc/self/limits') ?? '';
  const soft = (name: string): number => Number(new RegExp(`^${name} +(\\d+)`, 'm').exec(limits)?.[1] ?? Infinity);
  const processes = soft('Max processes');
  // Each thread counts.
  const own = (): number =>
    ownPids().reduce((sum, pid) => {
      return sum + Number(/^Threads:\s*(\d+)/m.exec(readOptional(`/proc/${pid}/status`) ?? '')?.[1] ?? 1);
    }, 0);
  if (processes !== Infinity && own() + PROCESSES_NEEDED > processes) {
    return {
      why: `only ${processes} processes and threads of yours may run`,
      hint: 'ulimit -u, LimitNPROC= of a unit, or nproc in /etc/security/limits.conf raises it; or end some of them',
    };
  }
  const cgroup = fullCgroup();
  if (cgroup !== undefined) return cgroup;
  if (soft('Max open files') < FILES_NEEDED) {
    return {
      why: `only ${soft('Max open files')} files may be open`,
      hint: 'ulimit -n, LimitNOFILE= of a unit, or nofile in /etc/security/limits.conf raises it',
    };
  }
  return undefined;
}

/** Where cgroups(7) are seen that may have pids.max: version 2's, and version 1's of that controller. */
const CGROUPS = [
  { line: /^0::(.*)$/m, root: '/sys/fs/cgroup' },
  { line: /^\d+:(?:[^:\n]*,)?pids(?:,[^:\n]*)?:(.*)$/m, root: '/sys/fs/cgroup/pids' },
];

/** Ours or one above, as far as we see them: from inside a container its own is `/`. */
function cgroupsAbove(path: string): string[] {
  return path === '/' || path === '.' ? ['/'] : [path, ...cgroupsAbove(dirname(path))];
}

/** The nearest cgroup above us that has no room for more processes. */
function fullCgroup(): Obstacle | undefined {
  const own = readOptional('/proc/self/cgroup') ?? '';
  for (const { line, root } of CGROUPS) {
    for (const path of cgroupsAbove(line.exec(own)?.[1] ?? '/')) {
      const value = (file: string): number => Number(readOptional(join(root, path, file))?.trim() ?? NaN);
      const max = value('pids.max');
      if (!(value('pids.current') + PROCESSES_NEEDED > max)) continue;
      const unit = basename(path);
      const isUnit = /\.(service|scope|slice)$/.test(unit);
      return {
        why: `no more than ${max} processes and threads may run in ${path === '/' ? 'this cgroup' : path}`,
        hint: isUnit
          ? `TasksMax= of ${unit} raises it`
          : 'pids.max of that cgroup, or --pids-limit of the container, raises it',
      };
    }
  }
  return undefined;
}

/** What gives only rnetns the right, by the path of its launcher; configs/apparmor/rnetns says how. */
function apparmorCommand(): string {
  const { apparmor, launcher } = SCRIPTS;
  return (
    `sed ${shellWord(`s|@LAUNCHER@|${launcher}|`)} ${shellWord(apparmor)} | sudo tee /etc/apparmor.d/rnetns && ` +
    'sudo apparmor_parser --replace /etc/apparmor.d/rnetns; or, for all programs: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0'
  );
}
