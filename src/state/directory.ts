import { accessSync, constants, existsSync, lstatSync, mkdirSync, rmSync, writeFileSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeHint } from '../config/confinement.js';
import { checkBase } from '../config/runtime-dir.js';
import { RnetnsError } from '../errors/error.js';

/** The state directory of one shared namespace and everything in it; each path on disk is named here, once. */
export class StateDirectory {
  /** `$XDG_RUNTIME_DIR/rnetns/NAME` */
  readonly path: string;
  readonly name: string;

  constructor(base: string, name: string) {
    this.name = name;
    this.path = join(base, name);
  }

  /** `$XDG_RUNTIME_DIR` */
  get runtimeDir(): string {
    return dirname(dirname(this.path));
  }
  /** One line for scripts/rnetns: see live.ts. It appears last, and the reaper takes it away first. */
  get live(): string {
    return join(this.path, 'live');
  }
  /** Where M0 mounts the network namespace; outside M0 an empty file. */
  get netns(): string {
    return join(this.path, 'rootless-netns');
  }
  /** Where M0 mounts U; outside M0 an empty file. */
  get userns(): string {
    return join(this.path, 'rootless-userns');
  }
  get resolvConf(): string {
    return join(this.path, 'resolv.conf');
  }
  /** Where the keeper has it mounted, for scripts/rnetns to see that it still is. */
  get resolvConfTarget(): string {
    return join(this.path, 'resolv.conf.target');
  }
  /** Addresses and DNS forwarders, cached so that every process sees the same. */
  get info(): string {
    return join(this.path, 'info.json');
  }
  /** What the namespace was made with: see record.ts. */
  get record(): string {
    return join(this.path, 'state.json');
  }
  /** The driver's pid, by driver.sh: empty while it is restarted, 0 while it doesn't start or there is none. */
  get driverPid(): string {
    return join(this.path, 'rootless-netns-conn.pid');
  }
  /** Pid, start time and restarts of the driver, and on the second line its last words, by driver.sh. */
  get driverState(): string {
    return join(this.path, 'driver');
  }
  /** What the supervisor keeps open, for scripts/rnetns to know it by. */
  get supervisor(): string {
    return join(this.outside, 'supervisor');
  }
  get refCount(): string {
    return join(this.path, 'ref-count');
  }
  /** Who has the lock, for the words of those who wait too long. */
  get lockOwner(): string {
    return join(this.path, 'lock-owner');
  }
  /** A file for each reference with an id: see references.ts. */
  get references(): string {
    return join(this.path, 'references');
  }
  /** Those of them that go with a process. */
  get tied(): string {
    return join(this.path, 'tied');
  }
  /** Which networks of a container its reference counts: see counted.ts. */
  get counted(): string {
    return join(this.path, 'counted');
  }
  /** A file for each named network namespace: see scripts/named.sh. */
  get names(): string {
    return join(this.path, 'netns');
  }
  /** Where M0 mounts `names`, and with it every named namespace: `$XDG_RUNTIME_DIR/netns`. */
  get namesSeen(): string {
    return join(this.runtimeDir, 'netns');
  }
  /** The path of a network namespace that is given by path, or by the name of one of ours; as commands see it. */
  netnsPath(netns: string): string {
    return netns.includes('/') ? netns : join(this.namesSeen, netns);
  }
  get log(): string {
    return join(this.path, 'log');
  }
  /** What was last seen on the bridges, for those who asked at the same time: see src/inspect/shared-answer.ts. */
  get seen(): string {
    return join(this.path, 'seen.json');
  }
  /** The FIFO that every command of a generation holds open. */
  lease(generation: string): string {
    return join(this.path, `lease.${generation}`);
  }
  /** The FIFO that the keeper of a generation has open, and that tells who in the namespace is no use of it. */
  keeperFifo(generation: string): string {
    return join(this.path, `keeper.${generation}`);
  }
  /**
   * What commands must not see, of whichever name: in M1 all of them are covered. What runs on the host's network is known by files in it, and what
   * is run there is told by none that lies elsewhere, where a command could write it.
   */
  get outside(): string {
    return join(dirname(this.path), '.outside', this.name);
  }
  /** The plan for the supervisor, in lines of sh: see shell-plan.ts. */
  get shellPlan(): string {
    return join(this.outside, 'plan');
  }
  /** The mounts of the plan, where the host's resolv.conf has been led elsewhere since: see shell-plan.ts. */
  get shellMounts(): string {
    return join(this.outside, 'mounts');
  }
  /** The redirects of forwarders that are set, a line each: see src/plan/redirect.ts. */
  get redirects(): string {
    return join(this.outside, 'redirects');
  }
  /** The FIFO that the supervisor has open, and at whose end the guard takes its place. */
  get supervisorFifo(): string {
    return join(this.outside, 'alive');
  }
  /** Pid and start time of the driver, for a supervisor to know it by. */
  get driverFile(): string {
    return join(this.outside, 'driver');
  }
  /** The name servers that the host had when the driver was last started again, a line each: see scripts/driver.sh. */
  get driverAsked(): string {
    return join(this.outside, 'driver.asked');
  }
  /** The file that the guard has open, with its pid. */
  get guardFile(): string {
    return join(this.outside, 'guard');
  }
  /** Pid and start time of the keeper: see scripts/rnetns. */
  get keeperFile(): string {
    return join(this.outside, 'keeper');
  }
  /** What a cold start could go by: see kept-plan.ts. Beside the state, with which it would go. */
  get keptPlan(): string {
    return join(dirname(this.path), '.outside', `.plan.${this.name}`);
  }
  /** state.json as it was written: see record.ts. */
  get hiddenRecord(): string {
    return join(this.outside, 'state.json');
  }
}

/**
 * The directory as it is; undefined when there is none.
 *
 * @throws RnetnsError ERR_STATE_DIR: this or the one it lies in is not the caller's own, a directory and no link. Nothing in
 *   such a one is followed: own_state of scripts/rnetns has the same rule.
 */
export function statStateDirectory(state: StateDirectory): Stats | undefined {
  checkBase(dirname(state.path), process.geteuid?.() ?? 0);
  const found = lookAt(state.path);
  if (found === undefined) return undefined;
  const refuse = refusal(state);
  if (found.isSymbolicLink()) refuse('it is a symbolic link', `remove it: rm ${state.path}`);
  if (!found.isDirectory()) refuse('it is not a directory', `remove it: rm ${state.path}`);
  const uid = process.geteuid?.();
  if (found.uid !== uid) {
    refuse(`it belongs to uid ${found.uid}, not to you (uid ${String(uid)})`, 'use another --name, or remove it');
  }
  return found;
}

/**
 * See that nobody else may write in it, before something is made or mended there. What is up in one that was opened
 * meanwhile can be joined, seen and stopped: joining, a shell can't look at modes without a process.
 *
 * @throws RnetnsError ERR_STATE_DIR
 */
export function checkClosed(state: StateDirectory): void {
  const found = statStateDirectory(state);
  if (found === undefined || (found.mode & 0o022) === 0) return;
  const mode = (found.mode & 0o7777).toString(8).padStart(4, '0');
  refusal(state)(
    `its mode is ${mode}, so that others may write in it`,
    `look at what is in it, then: chmod 700 ${state.path}`,
  );
}

function refusal({ path }: StateDirectory) {
  return (why: string, hint: string): never => {
    throw new RnetnsError('ERR_STATE_DIR', `cannot use the state directory ${path}: ${why}`, { hint });
  };
}

function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RnetnsError('ERR_STATE_DIR', `cannot use the state directory ${path}: ${why}`, {
      hint: `look at what stands at ${dirname(path)}; it should be a directory of your own`,
      cause,
    });
  }
}

export function makeOutside({ outside }: StateDirectory): void {
  try {
    // With the sticky bit, which marks what rnetns has made and removes. Other names make it at the same time.
    if (!existsSync(dirname(outside))) mkdirSync(dirname(outside), { recursive: true, mode: 0o1700 });
    mkdirSync(outside, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw writeError(outside, cause);
  }
}

/**
 * See that the directory can be written before anything is started.
 *
 * @throws RnetnsError ERR_STATE_DIR with the reason: no permission, a full or read-only file system.
 */
export function checkWritable(state: StateDirectory): void {
  const probe = join(state.path, '.probe');
  try {
    accessSync(state.path, constants.R_OK | constants.W_OK | constants.X_OK);
    // A page, not a byte: what follows needs some, and a full tmpfs refuses the write, not the open.
    writeFileSync(probe, Buffer.alloc(16384), { mode: 0o600 });
  } catch (cause) {
    throw writeError(state.path, cause);
  } finally {
    removeProbe(probe);
  }
}

/** Where nothing could be made, nothing can be removed either: why is told already. */
export function removeProbe(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // As above.
  }
}

const WRITE_HINTS: Record<string, string> = {
  ENOSPC: 'free some space there, or point XDG_RUNTIME_DIR to a file system that has some',
  EDQUOT: 'free some of your quota there, or point XDG_RUNTIME_DIR elsewhere',
  EROFS: 'point XDG_RUNTIME_DIR to a directory that can be written',
  EACCES: 'chmod 700 the directory, or point XDG_RUNTIME_DIR to one that is yours',
};

function hintFor(path: string, code: string): string | undefined {
  return (code === 'EROFS' ? writeHint(dirname(dirname(path))) : undefined) ?? WRITE_HINTS[code];
}

/** Name the path and the reason of a failed write below the state directory. */
export function writeError(path: string, cause: unknown): RnetnsError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const why =
    code === 'ENOSPC' ? 'no space is left on its file system' : cause instanceof Error ? cause.message : String(cause);
  return new RnetnsError('ERR_STATE_DIR', `cannot write ${path}: ${why}`, { hint: hintFor(path, code), cause });
}
