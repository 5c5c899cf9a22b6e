import { lstatSync, readlinkSync, type BigIntStats } from 'node:fs';
import type { Environment } from './environment.js';

/**
 * Theory of operation: what a plan rests on
 *
 * A plan can be kept for a cold start (src/state/kept-plan.ts), which may follow it as long as all that it was made from is
 * as it was. So whoever reads something for a plan reads it by way of this: `noting(read)`, `environment(env)`. A second list
 * of what is read would not be complete for long.
 *
 * Each path is looked at before it is read, and the first look counts: what changes in between differs from then on. The
 * line of a file has whole seconds, which is all that BusyBox's stat(1) has, and a file may change twice in one. So a file
 * that changed less than two seconds before the look makes the plan one that is not kept, as git has it for "racily clean"
 * files. Fractions of a second would not do instead: the kernel's clock for files has ticks of up to 10 ms. Two seconds also
 * cover a file server whose clock is a second behind.
 *
 * Links are looked at one by one along their chain, each by its own line, so that nothing has to be followed later. Of a
 * directory that is only on the way it counts that it is one: its times change with every file in it.
 */
export class Inputs {
  readonly #places = new Map<string, Place>();
  readonly #values = new Map<string, Value>();
  #unkeepable: string | undefined;

  /** By path, in the order of the first look. */
  get places(): ReadonlyMap<string, Place> {
    return this.#places;
  }

  /** By the name of the sh variable that has it. */
  get values(): ReadonlyMap<string, Value> {
    return this.#values;
  }

  /** Why no plan that rests on this may be kept; undefined when it may. */
  get unkeepable(): string | undefined {
    return this.#unkeepable;
  }

  /** The first reason is the one that is told. */
  cannotKeep(why: string): void {
    this.#unkeepable ??= why;
  }

  /** A function that reads at a path, made one that notes it as well. */
  noting<T>(read: (path: string) => T): (path: string) => T {
    return (path) => {
      this.note(path);
      return read(path);
    };
  }

  note(path: string): void {
    this.#walk(path);
  }

  /** A directory whose names are read. */
  noteNames(directory: string): void {
    const path = this.#walk(directory);
    const stats = lookAt(path);
    if (stats?.isDirectory() === true) this.#add(path, stats, fileLine(path, stats));
  }

  /** An environment that notes which of its variables are asked for. */
  environment(env: Environment): Environment {
    return new Proxy(env, {
      get: (variables, name) => {
        if (typeof name !== 'string') return undefined;
        const value = variables[name];
        this.given(name, value ?? '', name);
        return value;
      },
    });
  }

  /**
   * A value that the launcher has too.
   *
   * @param variable - of sh. One that isn't set counts as empty, as everywhere.
   * @param name - what it is called where it is shown.
   */
  given(variable: string, text: string, name: string): void {
    this.#values.set(variable, { name, text });
  }

  /** The path at the end of its chain of links. */
  #walk(path: string): string {
    let at = path;
    for (let links = 0; links < MAX_LINKS; links += 1) {
      const stats = lookAt(at);
      this.#add(at, stats);
      if (stats?.isSymbolicLink() !== true) break;
      const target = readlinkSync(at);
      at = target.startsWith('/') ? target : `${at.slice(0, at.lastIndexOf('/'))}/${target}`;
    }
    return at;
  }

  #add(path: string, stats: BigIntStats | undefined, line?: string): void {
    if (line === undefined && this.#places.has(path)) return;
    if (!path.startsWith('/')) this.cannotKeep(`${path} depends on the current directory`);
    // In lists of lines it would be two.
    if (path.includes('\n')) this.cannotKeep(`${JSON.stringify(path)} has a newline in it`);
    if (stats === undefined) this.#places.set(path, { kind: 'missing' });
    else if (line === undefined && stats.isDirectory()) this.#places.set(path, { kind: 'directory' });
    else {
      if (isYoung(stats)) this.cannotKeep(`${path} was changed a moment ago`);
      this.#places.set(path, { kind: 'file', line: line ?? fileLine(path, stats) });
    }
  }
}

/** A file, with what stat(1) says of it (of a link: of the link); a directory on the way; or nothing that can be reached. */
export type Place = { kind: 'file'; line: string } | { kind: 'directory' } | { kind: 'missing' };

export interface Value {
  name: string;
  text: string;
}

/** path_resolution(7) */
const MAX_LINKS = 40;
const YOUNG_MS = 2000;

/** What can't be looked at is as good as missing: stat(1) says nothing of it either. */
function lookAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** As `stat -c` has it in scripts/kept-plan.sh; test/contract/kept-plan.test.ts holds the two together. */
function fileLine(path: string, stats: BigIntStats): string {
  const { dev, ino, size, mtimeNs, ctimeNs, uid, gid, mode } = stats;
  return [dev, ino, size, seconds(mtimeNs), seconds(ctimeNs), uid, gid, (mode & 0o7777n).toString(8), path].join(' ');
}

/** Rounded down, also before 1970. */
function seconds(ns: bigint): bigint {
  const whole = ns / 1_000_000_000n;
  return whole * 1_000_000_000n > ns ? whole - 1n : whole;
}

/** A modification time may be anything, as of a package's files; only one of now says that the file may change again. */
function isYoung({ mtimeMs, ctimeMs }: BigIntStats): boolean {
  const now = Date.now();
  return now - Number(ctimeMs) < YOUNG_MS || Math.abs(now - Number(mtimeMs)) < YOUNG_MS;
}
