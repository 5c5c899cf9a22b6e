import { readFileSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { runCommand } from './command.js';

/**
 * Give back what the caller's niceness, CPUs and OOM score take from this process, as far as the kernel lets us: what it
 * starts serves every caller, and the first one may be a batch job. Limits of resources are scripts/start-node.sh's.
 *
 * All three are inherited by fork(2), and Node starts programs from its main thread, which pid 0 and our pid are.
 */
export async function takeFairShare(env: Readonly<Record<string, string>>): Promise<void> {
  raisePriority();
  lowerOomScore();
  await useAllCpus(env);
}

function raisePriority(): void {
  try {
    // setpriority(2): only with RLIMIT_NICE or CAP_SYS_NICE.
    if (getPriority() > 0) setPriority(0);
  } catch {
    // It stays.
  }
}

/** The lowest that whoever had the right to lower it has left: proc_pid_oom_score_adj(5). */
function lowerOomScore(): void {
  const file = '/proc/self/oom_score_adj';
  try {
    const now = Number(readFileSync(file, 'latin1'));
    for (let score = 0; score < now; score += 50) if (written(file, String(score))) return;
  } catch {
    // A /proc without it.
  }
}

function written(file: string, text: string): boolean {
  try {
    writeFileSync(file, text);
    return true;
  } catch {
    return false;
  }
}

/** The kernel takes from the list what cpuset(7) allows. */
async function useAllCpus(env: Readonly<Record<string, string>>): Promise<void> {
  const all = onlineCpus();
  if (all === undefined || all === allowedCpus('self')) return;
  await runCommand('taskset', ['--cpu-list', '--pid', all, String(process.pid)], { env, timeoutMs: 1000 });
}

/** As the kernel writes it: `0-3,8`. */
export function onlineCpus(): string | undefined {
  try {
    return readFileSync('/sys/devices/system/cpu/online', 'latin1').trim();
  } catch {
    return undefined;
  }
}

/** undefined when the process is gone. */
export function allowedCpus(pid: number | 'self'): string | undefined {
  try {
    return /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}
