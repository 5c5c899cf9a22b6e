import { existsSync } from 'node:fs';
import { shellWord } from '../exec/shell-word.js';
import { readOptional } from '../state/files.js';
import { SCRIPTS } from './scripts.js';

/** Why this process can make no user namespace, as far as the kernel tells, and what to do. Asked once it has failed. */
export function usernsObstacle(): { why: string; hint: string } {
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
  // Seccomp: 2, proc_pid_status(5): a filter, as docker and podman put on their containers.
  if (/^Seccomp:\s*2$/m.test(readOptional('/proc/self/status') ?? '')) {
    return {
      why: 'a seccomp filter is in force, as in a container',
      hint: 'a container must let user namespaces be made: --security-opt seccomp=unconfined, or a profile with unshare and setns',
    };
  }
  return {
    why: 'the kernel refuses it, as in a chroot',
    hint: 'a process in a chroot, or in a container without that right, can make no user namespace: unshare --user true',
  };
}

/** What gives only rnetns the right, by the path of its launcher; configs/apparmor/rnetns says how. */
function apparmorCommand(): string {
  const { apparmor, launcher } = SCRIPTS;
  return (
    `sed ${shellWord(`s|@LAUNCHER@|${launcher}|`)} ${shellWord(apparmor)} | sudo tee /etc/apparmor.d/rnetns && ` +
    'sudo apparmor_parser --replace /etc/apparmor.d/rnetns; or, for all programs: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0'
  );
}
