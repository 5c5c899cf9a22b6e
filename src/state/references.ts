import { accessSync, chmodSync, constants, lstatSync, readdirSync, renameSync, rmSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { removeProbe, writeError, type StateDirectory } from './directory.js';
import { makeDirectory, readOptional, writeAtomic } from './files.js';
import { bootId, commandLine, isAlive } from './process.js';

/**
 * Durable users of the namespace, of `setup`: containers of a runtime, by the runtime's ids.
 *
 * One file each, `references/ID`, or `tied/ID` for one that goes with a process; scripts/references.sh writes them:
 *
 *     rnetns1 NETS PID START-TIME BOOT-ID .
 *
 * The point at its end tells a torn line; PID and START-TIME are 0 without a process. References without an id are a
 * number in `ref-count`, as podman's are. A named network namespace counts as one, with the id `netns:NAME`.
 */
export interface Reference {
  /** By what name it was set up. */
  id: string;
  /** What it counts for; null when its file can't be read, and then it counts as one. */
  nets: number | null;
  /** The process it is tied to, if any. */
  pid: number | null;
  /** The command of that process, by its first argument; null without one. */
  command: string | null;
  /** When it was set up, ISO 8601. */
  since: string | null;
  /** What is wrong with it, if anything: it is dead, or its file is damaged. `repair` mends that. */
  problem: string | null;
}

export interface References {
  list: Reference[];
  /**
   * All that count, with an id or without; null when nobody can know: `ref-count` holds no number, or a directory of
   * references is none or can't be read.
   */
  count: number | null;
}

export const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
const LINE = /^rnetns1 ([1-9]\d{0,6}) (\d+) (\d+) ([0-9a-f-]{1,64}) \.\n?$/;
/** As docs/protocol.md promises: one that is empty for longer is a killed setup's. scripts/tied.sh drops it as well. */
const WRITING_MS = 60_000;

/** @param names - of the named network namespaces, each a reference; none where only those of `setup` matter. */
export function readReferences(state: StateDirectory, names: Iterable<string> = []): References {
  const found = new Map<string, Reference>();
  let known = true;
  for (const directory of [state.references, state.tied]) {
    const ids = filesOf(directory);
    known &&= ids !== undefined;
    for (const id of ids ?? []) {
      const reference = readReference(join(directory, id), id);
      if (reference.problem !== PROBLEMS.dropped) found.set(id, reference);
    }
  }
  for (const name of names) found.set(`netns:${name}`, namedReference(state, name));
  const list = [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const anonymous = readRefCount(state);
  const count =
    known && anonymous !== undefined ? list.reduce((sum, reference) => sum + counts(reference), anonymous) : null;
  return { list, count };
}

/** What the reference of this id counts for; 0 without one that counts. */
export function countOf(state: StateDirectory, id: string): number {
  for (const directory of [state.tied, state.references]) {
    const reference = readReference(join(directory, id), id);
    if (reference.problem !== PROBLEMS.dropped) return counts(reference);
  }
  return 0;
}

/** A named network namespace holds the shared one until it is deleted. */
function namedReference({ names }: StateDirectory, name: string): Reference {
  const since = lstatSync(join(names, name), { throwIfNoEntry: false })?.mtime.toISOString() ?? null;
  return { id: `netns:${name}`, nets: 1, pid: null, command: null, since, problem: null };
}

/** For how many; like scripts/reap.sh, what is unknown as one: the namespace must not go while somebody may need it. */
export function counts({ nets, problem }: Reference): number {
  return problem !== null && isNobodys(problem) ? 0 : (nets ?? 1);
}

/** `ref-count`, 0 without one; undefined when it holds something else. */
export function readRefCount({ refCount }: StateDirectory): number | undefined {
  const stat = lstatSync(refCount, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  const text = stat.isFile() ? (readOptional(refCount)?.trim() ?? '') : '';
  return /^(0|[1-9]\d{0,11})$/.test(text) ? Number(text) : undefined;
}

const PROBLEMS = {
  empty: 'its file is empty: its setup was killed',
  dead: 'its process is dead',
  dropped: 'it was dropped while it was read',
  boot: 'it is from another boot',
  directory: 'its file is a directory',
  link: 'its file is a symbolic link',
  special: 'its file is no regular file',
  unreadable: 'its file cannot be read',
  torn: 'its file is torn or of another version',
  name: 'its name is no id',
} as const;

function isNobodys(problem: string): boolean {
  return [PROBLEMS.empty, PROBLEMS.dead, PROBLEMS.dropped, PROBLEMS.boot, PROBLEMS.name].some(
    (nobodys) => nobodys === problem,
  );
}

/** Their names; none without a directory, undefined for one that can't tell. */
function filesOf(directory: string): string[] | undefined {
  try {
    if (!lstatSync(directory).isDirectory()) return undefined;
    accessSync(directory, constants.R_OK | constants.X_OK);
    return readdirSync(directory);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'ENOENT' ? [] : undefined;
  }
}

function readReference(path: string, id: string): Reference {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  const since = stat?.mtime.toISOString() ?? null;
  const damaged = (problem: string | null): Reference => ({ id, nets: null, pid: null, command: null, since, problem });
  const dropped: Reference = { ...damaged(PROBLEMS.dropped), nets: 0 };
  if (stat === undefined) return dropped;
  if (!ID.test(id)) return damaged(PROBLEMS.name);
  const odd = oddity(stat);
  if (odd !== undefined) return damaged(odd);
  const text = readOptional(path);
  // A teardown takes no lock: writing that one anew would bring it back.
  if (text === undefined) return lstatSync(path, { throwIfNoEntry: false }) ? damaged(PROBLEMS.unreadable) : dropped;
  if (text === '') return { ...damaged(PROBLEMS.empty), nets: 0 };
  const parsed = parseReference(text);
  if (parsed === undefined) return damaged(PROBLEMS.torn);
  const { nets, process, boot } = parsed;
  const dead = process !== undefined && !isAlive(process);
  return {
    id,
    nets,
    pid: process?.pid ?? null,
    command: process === undefined || dead ? null : (commandLine(process.pid)[0] ?? null),
    since,
    problem: boot !== bootId() ? PROBLEMS.boot : dead ? PROBLEMS.dead : null,
  };
}

/** What stands there in place of a file; a FIFO would even block who reads it. */
function oddity(stat: Stats): string | undefined {
  if (stat.isDirectory()) return PROBLEMS.directory;
  if (stat.isSymbolicLink()) return PROBLEMS.link;
  return stat.isFile() ? undefined : PROBLEMS.special;
}

/** undefined for anything that setup did not write. */
export function parseReference(
  text: string,
): { nets: number; process: { pid: number; startTicks: number } | undefined; boot: string } | undefined {
  const match = LINE.exec(text);
  if (match === null) return undefined;
  const [nets, pid, startTicks] = [1, 2, 3].map((index) => Number(match[index])) as [number, number, number];
  return { nets, process: pid === 0 ? undefined : { pid, startTicks }, boot: match[4] ?? '' };
}

export function formatReference(nets: number): string {
  return `rnetns1 ${nets} 0 0 ${bootId()} .\n`;
}

/**
 * Make every reference readable again, and drop those that are nobody's; the lock is held. What is damaged stays as one
 * reference without a process: who set it up will tear it down, and until then the namespace stays.
 *
 * @param tell - called with each thing that was mended.
 */
export function mendReferences(state: StateDirectory, tell: (detail: string) => void): void {
  for (const directory of [state.references, state.tied]) mendDirectory(directory, tell);
  for (const directory of [state.references, state.tied]) {
    for (const id of filesOf(directory) ?? []) mendReference(state, join(directory, id), id, tell);
  }
  if (readRefCount(state) === undefined) {
    const held = (readOptional(state.refCount) ?? '').trim().slice(0, 20);
    rmSync(state.refCount, { recursive: true, force: true });
    tell(`set the count of references without an id to 0: ref-count held ${JSON.stringify(held)}`);
  }
}

function mendDirectory(directory: string, tell: (detail: string) => void): void {
  const stat = lstatSync(directory, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isDirectory()) {
    rmSync(directory, { force: true });
    tell(`removed ${directory}, which was no directory`);
  } else if ((stat.mode & 0o700) !== 0o700) {
    chmodSync(directory, 0o700);
    tell(`made ${directory} one that its owner can read and write`);
  }
}

function mendReference(state: StateDirectory, path: string, id: string, tell: (detail: string) => void): void {
  const { problem, since } = readReference(path, id);
  if (problem === null || problem === PROBLEMS.dropped) return;
  if (isNobodys(problem)) {
    if (problem === PROBLEMS.empty && Date.now() - Date.parse(since ?? '') < WRITING_MS) return;
    rmSync(path, { recursive: true, force: true });
    tell(`dropped the reference ${JSON.stringify(id)}: ${problem}`);
    return;
  }
  rmSync(path, { recursive: true, force: true });
  writeReference(state, id);
  tell(`wrote the reference ${id} anew, as one without a process: ${problem}`);
}

/** Whoever drops the last one may take away the directory as soon as it is made. */
function writeReference(state: StateDirectory, id: string): void {
  const ready = join(state.path, `.references.${process.pid}`);
  writeAtomic(ready, formatReference(1));
  const path = join(state.references, id);
  for (let tries = 100; ; tries -= 1) {
    makeDirectory(state.references);
    try {
      renameSync(ready, path);
      return;
    } catch (cause) {
      if (tries > 0 && (cause as NodeJS.ErrnoException).code === 'ENOENT') continue;
      removeProbe(ready);
      throw writeError(path, cause);
    }
  }
}

/** Those of a boot before this one went with it; the lock is held. */
export function forgetReferences(state: StateDirectory): void {
  for (const path of [state.references, state.tied, state.refCount, state.counted])
    rmSync(path, { recursive: true, force: true });
}
