import { readFileSync, readdirSync, statSync } from 'node:fs';
import { RnetnsError } from '../errors/error.js';

/**
 * A process by pid and start time: a pid alone is reused (proc_pid_stat(5), fields 1 and 22).
 * Across a reboot the boot id stands beside it, in the files that record one.
 */
export interface ProcessId {
  pid: number;
  /** Clock ticks between boot and the start of the process. */
  startTicks: number;
}

interface Stat {
  state: string;
  parentPid: number;
  group: number;
  startTicks: number;
}

function readStat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The command name is in parentheses and may hold anything, parentheses included: count from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    state: fields[0] ?? 'X',
    parentPid: Number(fields[1]),
    group: Number(fields[2]),
    startTicks: Number(fields[19]),
  };
}

/** The living process with this pid; a zombie is dead, although kill(2) with signal 0 finds it. */
export function identifyProcess(pid: number): ProcessId | undefined {
  const stat = pid > 0 ? readStat(pid) : undefined;
  return stat === undefined || stat.state === 'Z' || stat.state === 'X'
    ? undefined
    : { pid, startTicks: stat.startTicks };
}

/** Ourselves. */
export function thisProcess(): ProcessId {
  return identifyProcess(process.pid) ?? { pid: process.pid, startTicks: 0 };
}

export function isAlive(process: ProcessId): boolean {
  return identifyProcess(process.pid)?.startTicks === process.startTicks;
}

export function parentPid(pid: number): number | undefined {
  return readStat(pid)?.parentPid;
}

/** The process group: its leader's pid. */
export function processGroup(pid: number): number | undefined {
  return readStat(pid)?.group;
}

/** End a process for good; only while it is the one that was found: a pid is reused, its start time isn't. */
export function killProcess(known: ProcessId): void {
  if (isAlive(known)) send(known.pid, 'SIGKILL');
}

/** Does it sleep until somebody sends SIGCONT? So does one that a debugger holds. */
export function isStopped({ pid, startTicks }: ProcessId): boolean {
  const stat = readStat(pid);
  return stat !== undefined && /^[Tt]$/.test(stat.state) && stat.startTicks === startTicks;
}

export function continueProcess(known: ProcessId): void {
  if (isAlive(known)) send(known.pid, 'SIGCONT');
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile.
  }
}

/** The arguments of a process, or none when it is gone, a zombie or a kernel thread. */
export function commandLine(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return text === '' ? [] : text.replace(/\0$/, '').split('\0');
  } catch {
    return [];
  }
}

/** Every pid of the caller's own: others can't be ours, whatever their arguments say. */
export function ownPids(): number[] {
  const uid = process.geteuid?.();
  return allPids().filter((pid) => statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === uid);
}

/** Everybody's, as far as /proc shows them (`hidepid` of proc(5)). */
export function allPids(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

export type NamespaceType = 'user' | 'mnt' | 'net';

/** Inode of a process's namespace (namespaces(7)), or undefined when it is gone or not ours to look at. */
export function namespaceInode(pid: number | 'self', type: NamespaceType): number | undefined {
  try {
    return statSync(`/proc/${pid}/ns/${type}`).ino;
  } catch {
    return undefined;
  }
}

/** Pids of the caller's processes in a network namespace. */
export function processesInNetns(inode: number): number[] {
  return ownPids().filter((pid) => namespaceInode(pid, 'net') === inode);
}

/** @throws RnetnsError ERR_NETNS where /proc has no `sys` (ProcSubset=pid of systemd.exec(5)). */
export function bootId(): string {
  const file = '/proc/sys/kernel/random/boot_id';
  try {
    return readFileSync(file, 'latin1').trim();
  } catch (cause) {
    throw new RnetnsError('ERR_NETNS', `reading ${file} failed: this /proc shows nothing but processes`, {
      hint: 'a namespace is made, mended and looked at where /proc is whole: ProcSubset=all in a systemd unit',
      cause,
    });
  }
}
