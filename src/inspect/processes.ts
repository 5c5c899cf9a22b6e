import { readFileSync, readdirSync } from 'node:fs';
import { commandLine, identifyProcess, namespaceInode } from '../state/process.js';
import { readOptional } from '../state/files.js';

/** A process that the caller may look at. */
export interface SeenProcess {
  pid: number;
  /** Inode of its network namespace. */
  netns: number;
}

/** What is shown of one. */
export interface ProcessFacts {
  uid: number;
  command: string[];
  started: string;
}

/**
 * All whose namespaces the caller may see: its own, and those of subordinate ids in its user namespaces, whose /proc
 * files belong to others. By number, which is mostly the order in which they were started.
 */
export function seenProcesses(): SeenProcess[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .sort((a, b) => a - b)
    .flatMap((pid) => {
      const netns = namespaceInode(pid, 'net');
      return netns === undefined ? [] : [{ pid, netns }];
    });
}

/** undefined for one that has ended. */
export function readProcess(pid: number): ProcessFacts | undefined {
  const known = identifyProcess(pid);
  const status = readOptional(`/proc/${pid}/status`);
  // Real, effective, saved and file system uid, each as the reader's user namespace has it.
  const uid = /^Uid:\t\d+\t(\d+)/m.exec(status ?? '')?.[1];
  if (known === undefined || uid === undefined) return undefined;
  const words = commandLine(pid);
  return {
    uid: Number(uid),
    command: words.length > 0 ? words : [(readOptional(`/proc/${pid}/comm`) ?? '').replace(/\n$/, '')],
    started: new Date(bootTimeMs() + known.startTicks * TICK_MS).toISOString(),
  };
}

/** proc_pid_stat(5) counts in USER_HZ, which is 100 on every architecture that Node runs on. */
const TICK_MS = 10;

/**
 * Of the whole second, as the kernel has it in `btime`: reckoned from the uptime it would be another one at each call,
 * and with it the start of a process.
 */
function bootTimeMs(): number {
  bootMs ??= Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? 0) * 1000;
  return bootMs;
}
let bootMs: number | undefined;
