import { readFileSync } from 'node:fs';
import { allowedCpus } from '../exec/fair-share.js';

/** A limit that the processes of a namespace have from whoever made it, and that the kernel lets nobody lift. */
export interface Limit {
  /** As prlimit(1) calls it: `nofile`, `cpu`, `as`, …; or `cpus`, `nice`, `oom_score_adj`. */
  name: string;
  /** In the unit of setrlimit(2): bytes, seconds, a number; a list of CPUs for `cpus`. */
  value: number | string;
}

/** By its name in proc_pid_limits(5); what is `enough` limits nobody who is on the network only. */
const RESOURCES: Readonly<Record<string, { name: string; enough: number }>> = {
  'Max cpu time': { name: 'cpu', enough: Infinity },
  'Max file size': { name: 'fsize', enough: Infinity },
  'Max data size': { name: 'data', enough: Infinity },
  'Max address space': { name: 'as', enough: Infinity },
  'Max stack size': { name: 'stack', enough: 8 << 20 },
  'Max processes': { name: 'nproc', enough: 512 },
  'Max open files': { name: 'nofile', enough: 1024 },
};

/** What systemd gives to the programs of a user's session, at most. */
const USUAL_OOM_SCORE_ADJ = 200;

/** What limits this process, by its soft limits, which are the hard ones where we made it. Nothing of one that is gone. */
export function limitsOf(pid: number | 'self'): Limit[] {
  try {
    const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'latin1');
    return [...resourceLimits(read('limits')), ...lostCpus(pid), ...standing(read('stat'), read('oom_score_adj'))];
  } catch {
    return [];
  }
}

/** Exported for its test. */
export function resourceLimits(text: string): Limit[] {
  return text.split('\n').flatMap((line) => {
    const [, title = '', soft = ''] = /^(Max [a-z ]+?) {2,}(\S+)/.exec(line) ?? [];
    const resource = RESOURCES[title];
    const value = Number(soft);
    return resource === undefined || Number.isNaN(value) || value >= resource.enough
      ? []
      : [{ name: resource.name, value }];
  });
}

/** Only where we have some that it hasn't: what cpuset(7) takes from all of us is no limit of its maker's. */
function lostCpus(pid: number | 'self'): Limit[] {
  const theirs = allowedCpus(pid);
  const ours = cpusIn(allowedCpus('self') ?? '');
  if (theirs === undefined || isSubset(ours, cpusIn(theirs))) return [];
  return [{ name: 'cpus', value: theirs }];
}

function isSubset(part: ReadonlySet<number>, whole: ReadonlySet<number>): boolean {
  return [...part].every((cpu) => whole.has(cpu));
}

/** `0-3,8`; exported for its test. */
export function cpusIn(list: string): Set<number> {
  return new Set(
    list.split(',').flatMap((range) => {
      const [first = NaN, last = first] = range.split('-').map(Number);
      return Number.isNaN(first) ? [] : Array.from({ length: last - first + 1 }, (_, index) => first + index);
    }),
  );
}

function standing(stat: string, oomScoreAdj: string): Limit[] {
  // Field 19 of proc_pid_stat(5), counted from the end of the command's name.
  const nice = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  const score = Number(oomScoreAdj);
  return [
    ...(nice > 0 ? [{ name: 'nice', value: nice }] : []),
    ...(score > USUAL_OOM_SCORE_ADJ ? [{ name: 'oom_score_adj', value: score }] : []),
  ];
}

const MIB = 1 << 20;

const WORDS: Readonly<Record<string, (value: number | string) => string>> = {
  cpu: (value) => `${value} s of CPU time`,
  fsize: (value) => `${value} bytes in a file`,
  data: (value) => `${mib(value)} of data`,
  as: (value) => `${mib(value)} of address space`,
  stack: (value) => `${mib(value)} of stack`,
  nproc: (value) => `${value} processes`,
  nofile: (value) => `${value} open files`,
  cpus: (value) => `only CPU ${value}`,
  nice: (value) => `niceness ${value}`,
  oom_score_adj: (value) => `OOM score ${value}`,
};

function mib(value: number | string): string {
  return `${Math.floor(Number(value) / MIB)} MiB`;
}

/** "300 open files, niceness 15" */
export function describeLimits(limits: readonly Limit[]): string {
  return limits.map(({ name, value }) => WORDS[name]?.(value) ?? `${name} ${value}`).join(', ');
}
