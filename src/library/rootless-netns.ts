import { execa, type Options, type ResultPromise } from 'execa';
import { readStatus, type Status } from '../inspect/status.js';
import { SCRIPTS } from '../namespace/scripts.js';
import { StateDirectory } from '../state/directory.js';
import { readInfo, type NetnsInfo } from '../state/info.js';
import { checkName, DEFAULT_NAME, findRuntime } from '../state/runtime.js';

export interface OpenOptions {
  /** Which shared namespace; `default` without it. Up to 64 letters, digits, and `_ . -` after the first. */
  name?: string;
}

/**
 * One shared network namespace of the calling user. Opening it makes nothing: the first command does.
 *
 * @example
 * const netns = RootlessNetns.open();
 * const { stdout } = await netns.run('ip', ['-brief', 'addr']);
 */
export class RootlessNetns {
  readonly name: string;
  private readonly state: StateDirectory;

  private constructor(state: StateDirectory) {
    this.name = state.name;
    this.state = state;
  }

  /**
   * @throws {@link RnetnsError} `ERR_USAGE`: a bad name; `ERR_RUNTIME_DIR`: `XDG_RUNTIME_DIR` is missing or foreign.
   */
  static open({ name = DEFAULT_NAME }: OpenOptions = {}): RootlessNetns {
    return new RootlessNetns(new StateDirectory(findRuntime().base, checkName(name)));
  }

  /**
   * Run a program in the namespace, which is made if need be and stays as long as the program runs.
   *
   * @param options - those of execa.
   * @returns execa's subprocess: its pid, streams, signals and status are the program's own. Status 125: rnetns failed,
   *   and says so on its stderr; 126: the program can't be run; 127: it was not found.
   * @see {@link https://github.com/sindresorhus/execa/blob/main/docs/api.md | execa's API}
   */
  run(file: string, args: readonly string[] = [], options: Options = {}): ResultPromise {
    return execa(SCRIPTS.launcher, ['run', '--name', this.name, '--', file, ...args], options);
  }

  /** State, driver, addresses and users; never waits for the lock. */
  status(): Promise<Status> {
    return readStatus(this.state);
  }

  /** Addresses and DNS forwarders of the namespace; undefined when it is down. */
  info(): NetnsInfo | undefined {
    return readInfo(this.state);
  }
}
