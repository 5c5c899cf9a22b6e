import { resolve } from 'node:path';
import { execa, type Options, type ResultPromise } from 'execa';
import { relayLog } from './relay-log.js';
import { SCRIPTS } from '../namespace/scripts.js';
import { LauncherCall } from './launcher-call.js';

/** Which namespace, and how long to wait: the same for every call of one RootlessNetns. */
export interface Target {
  name: string;
  /** XDG_RUNTIME_DIR for the launcher; undefined to leave it unset. */
  runtimeDir: string | undefined;
  /** `--config`. */
  config: string | undefined;
  /** Milliseconds that a call may wait for rnetns, beside what a caller's function takes. */
  timeoutMs: number;
}

/**
 * scripts/rnetns, on one namespace. What the library does it does through the launcher, so that its semantics are those
 * of the command line, and no process of Node ever changes its namespaces.
 */
export class Launcher {
  readonly target: Readonly<Target>;

  constructor(target: Target) {
    // The caller may change its directory between two calls.
    this.target = { ...target, config: target.config === undefined ? undefined : resolve(target.config) };
  }

  /** Start a program in the namespace; the subprocess is the program itself. */
  run<O extends Options>(file: string, args: readonly string[], options: O): ResultPromise<O> {
    // The namespace was chosen when it was opened: a variable of the program's must not lead to another one.
    const env = { ...options.env, XDG_RUNTIME_DIR: this.target.runtimeDir };
    const argv = ['run', ...this.options(), '--', file, ...args];
    // unknown: execa's result has `{} & O`, its default options and these, which is O, but not to TypeScript.
    return execa(SCRIPTS.launcher, argv, { ...options, env } as O) as unknown as ResultPromise<O>;
  }

  /** Start a verb that ends by itself, or with the verdict of the process that waits inside. */
  call(verb: 'setup' | 'teardown' | 'stop', args: readonly string[]): LauncherCall {
    const { runtimeDir, name, timeoutMs } = this.target;
    const argv = [verb, '--json', ...this.options(), ...args];
    return new LauncherCall({
      argv,
      env: { XDG_RUNTIME_DIR: runtimeDir },
      timeoutMs,
      onLog: relayLog,
      what: `${verb} of the namespace ${name}`,
    });
  }

  private options(): string[] {
    const { name, config } = this.target;
    return ['--name', name, ...(config === undefined ? [] : ['--config', config])];
  }
}
