import { existsSync, readFileSync } from 'node:fs';

/** What confines this process, so that a hint tells the one setting that lifts it. Asked once something has failed. */

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/**
 * The service of systemd that we are in, whose settings may confine us (systemd.exec(5)); not the user's manager. Who makes
 * a namespace may have moved to its scope already, which lifts none of them; the launcher that waits has not.
 */
export function serviceUnit(): string | undefined {
  for (const pid of ['self', process.ppid]) {
    const unit = (read(`/proc/${pid}/cgroup`).match(/[^/\n]+\.service(?=[/\n])/g) ?? []).at(-1);
    if (unit !== undefined && !unit.startsWith('user@')) return unit;
  }
  return undefined;
}

/** As podman, docker and systemd-nspawn leave word. */
export function isContainer(): boolean {
  return ['/run/.containerenv', '/.dockerenv', '/run/systemd/container'].some((path) => existsSync(path));
}

/** proc_pid_status(5): 2 is a filter. */
export function hasSeccompFilter(): boolean {
  return /^Seccomp:\s*2$/m.test(read('/proc/self/status'));
}

/** What lets a service write below a directory that ProtectSystem=strict or ReadOnlyPaths= keeps from it. */
export function writeHint(directory: string): string | undefined {
  const unit = serviceUnit();
  return unit === undefined ? undefined : `ReadWritePaths=${directory} in ${unit}, or no ProtectSystem=strict`;
}
