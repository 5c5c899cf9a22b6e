import type { Options, ResultPromise } from 'execa';
import { processEnvironment, variable } from '../config/environment.js';
import { RnetnsError } from '../errors/error.js';
import { readStatus, type Status } from '../inspect/status.js';
import { statStateDirectory, StateDirectory } from '../state/directory.js';
import { readInfo, type NetnsInfo } from '../state/info.js';
import { checkName, DEFAULT_NAME, findRuntime } from '../state/runtime.js';
import { runInside, type InsideFunction } from './inside.js';
import { Launcher } from './launcher.js';
import { referenceArguments, type ReferenceOptions, type SetupOptions } from './references.js';

/** Which namespace, and how to work with it: see {@link RootlessNetns.open}. */
export interface OpenOptions {
  /** Which shared namespace; `default` without it. Up to 64 letters, digits, and `_ . -` after the first. */
  name?: string | undefined;
  /** In place of `XDG_RUNTIME_DIR`: an absolute path of a directory that is the caller's own. */
  runtimeDir?: string | undefined;
  /** A settings file over all others, as `--config`; it counts when a call makes the namespace. */
  config?: string | undefined;
  /**
   * Milliseconds that `setup`, `teardown` and `stop` wait for rnetns before they end it and fail with `ERR_NETNS`;
   * 120 000 without it. The wait for the lock is part of that (30 s), the time of the caller's own function is not.
   */
  timeoutMs?: number | undefined;
}

const TIMEOUT_MS = 120_000;
/** setTimeout(3) of Node takes no more. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/**
 * One shared network namespace of the calling user. Opening it makes nothing: the first use does.
 *
 * Every method may be called from any number of places at once, in this process and others. None of them holds a lock
 * while a program or a function of the caller's runs.
 *
 * @example
 * ```ts
 * const netns = RootlessNetns.open({ name: 'lab' });
 * const { stdout } = await netns.run('ip', ['-brief', 'addr']);
 * ```
 *
 * @example A container's network, for as long as the container is there
 * ```ts
 * await netns.setup(1, (inside) => inside.exec('ip', ['link', 'add', 'br0', 'type', 'bridge']), { id: 'web' });
 * await netns.teardown(1, (inside) => inside.exec('ip', ['link', 'del', 'br0']), { id: 'web' });
 * ```
 */
export class RootlessNetns {
  /** Name of the namespace. */
  readonly name: string;
  private readonly state: StateDirectory;
  private readonly launcher: Launcher;

  private constructor(state: StateDirectory, launcher: Launcher) {
    this.name = state.name;
    this.state = state;
    this.launcher = launcher;
  }

  /**
   * Choose a namespace. Nothing is made, and nothing has to be closed.
   *
   * @param options - which one; each field documents its default.
   * @returns the namespace, up or down. `XDG_RUNTIME_DIR` is read now, once: where it is stays the same.
   * @throws {@link RnetnsError} `ERR_USAGE`: a bad name or time; `ERR_RUNTIME_DIR`: the runtime directory is missing or
   *   foreign.
   */
  static open({ name = DEFAULT_NAME, runtimeDir, config, timeoutMs = TIMEOUT_MS }: OpenOptions = {}): RootlessNetns {
    if (!(timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS)) {
      throw new RnetnsError('ERR_USAGE', `bad timeoutMs ${timeoutMs}`, {
        hint: `milliseconds, more than 0 and at most ${TIMEOUT_MAX_MS}`,
      });
    }
    const env = processEnvironment();
    const chosen = runtimeDir ?? variable(env, 'XDG_RUNTIME_DIR');
    const { base } = findRuntime({ ...env, XDG_RUNTIME_DIR: chosen });
    const launcher = new Launcher({ name: checkName(name), runtimeDir: chosen, config, timeoutMs });
    return new RootlessNetns(new StateDirectory(base, name), launcher);
  }

  /**
   * Count a reference, which keeps the namespace up until it is torn down; made if need be. With `fn`, it is counted only
   * after `fn` has succeeded. When `fn` fails, a namespace that was made for this call is removed again, unless others
   * have come; one that was there before stays as it is.
   *
   * If this process dies while `fn` runs, that is a failed `fn`. Long runs of `fn` are no burden: nobody waits for it, and
   * what dies of the namespace meanwhile is mended around it.
   *
   * @param nets - how many networks it counts for, 1 to 9 999 999.
   * @param fn - runs in this process, and gets a handle whose `exec` runs programs inside; null for just the count.
   * @param options - `id`: count once, by this name; `pid`: drop it with that process.
   * @returns what `fn` returns.
   * @throws what `fn` throws, unchanged; {@link RnetnsError}: `ERR_USAGE` for wrong arguments, before anything is done;
   *   `ERR_PROCESS`: there is no process `pid`; `ERR_REFERENCES`: it could not be counted; `ERR_NETNS` also when the
   *   namespace was taken away while `fn` ran, and nothing was counted; those of making a namespace. `cause` is
   *   what became of the launcher, with `exitCode`, `signal` and `stderr`.
   * @see {@link https://man7.org/linux/man-pages/man7/network_namespaces.7.html | network_namespaces(7)}
   */
  setup(nets: number, fn?: null, options?: SetupOptions): Promise<undefined>;
  setup<T>(nets: number, fn: InsideFunction<T>, options?: SetupOptions): Promise<T>;
  setup<T>(nets: number, fn?: InsideFunction<T> | null, options?: SetupOptions): Promise<T | undefined>;
  setup<T>(nets: number, fn?: InsideFunction<T> | null, options: SetupOptions = {}): Promise<T | undefined> {
    return this.count('setup', nets, fn, options);
  }

  /**
   * Drop a reference; after the last one, with nobody inside, the namespace is torn down before this returns. With `fn`,
   * it is dropped only after `fn` has succeeded; for that the namespace is made again if it was gone.
   *
   * Dropping more than was counted leaves 0, and is a warning of this process (`process.on('warning')`, code
   * `ERR_REFERENCES`). An `id` that isn't counted is no error.
   *
   * @param nets - how many networks it counted for, 1 to 9 999 999; with an `id`, what its setup said is dropped.
   * @param fn - runs in this process, and gets a handle whose `exec` runs programs inside; null for just the count.
   * @param options - `id`: the one that was set up by this name.
   * @returns what `fn` returns.
   * @throws as {@link RootlessNetns.setup}; then nothing was dropped.
   */
  teardown(nets: number, fn?: null, options?: ReferenceOptions): Promise<undefined>;
  teardown<T>(nets: number, fn: InsideFunction<T>, options?: ReferenceOptions): Promise<T>;
  teardown<T>(nets: number, fn?: InsideFunction<T> | null, options?: ReferenceOptions): Promise<T | undefined>;
  teardown<T>(nets: number, fn?: InsideFunction<T> | null, { id }: ReferenceOptions = {}): Promise<T | undefined> {
    return this.count('teardown', nets, fn, { id });
  }

  /**
   * Run a program in the namespace, which is made if need be and stays as long as the program runs.
   *
   * @param file - program to run; looked for in `PATH`, with `/usr/sbin` appended.
   * @param args - its arguments.
   * @param options - those of execa. `XDG_RUNTIME_DIR` is the one that the namespace was opened with.
   * @returns execa's subprocess: its pid, streams, signals and status are the program's own. Status 125: rnetns failed,
   *   and says so on its stderr; 126: the program can't be run; 127: it was not found.
   * @see {@link https://github.com/sindresorhus/execa/blob/main/docs/api.md | execa's API}
   */
  run<O extends Options = object>(file: string, args: readonly string[] = [], options?: O): ResultPromise<O> {
    return this.launcher.run(file, args, options ?? ({} as O));
  }

  /**
   * State, driver, addresses and users; never waits for the lock, and makes nothing.
   *
   * @throws {@link RnetnsError} `ERR_STATE_DIR`: the state directory isn't the caller's own.
   */
  status(): Promise<Status> {
    return readStatus(this.state);
  }

  /** Addresses and DNS forwarders of the namespace, as its driver gave them; undefined when it is down. */
  info(): NetnsInfo | undefined {
    return statStateDirectory(this.state) === undefined ? undefined : readInfo(this.state);
  }

  /**
   * Tear the namespace down now, without lingering. Nothing there is fine.
   *
   * @param options - `force`: also while it is used. Every process inside gets SIGTERM and, a second later, SIGKILL.
   * @throws {@link RnetnsError} `ERR_IN_USE`: programs or references use it; the message names them, and nothing was
   *   changed.
   */
  async stop({ force = false }: StopOptions = {}): Promise<void> {
    await this.launcher.call('stop', force ? ['--force'] : []).end('ok');
  }

  private async count<T>(
    verb: 'setup' | 'teardown',
    nets: number,
    fn: InsideFunction<T> | null | undefined,
    options: SetupOptions,
  ): Promise<T | undefined> {
    const args = referenceArguments(verb, nets, fn, options);
    if (fn != null) return runInside(this.launcher, verb, args, fn);
    await this.launcher.call(verb, args).end('ok');
    return undefined;
  }
}

/** How to tear down: see {@link RootlessNetns.stop}. */
export interface StopOptions {
  /** Also while it is used; false without it. */
  force?: boolean | undefined;
}
