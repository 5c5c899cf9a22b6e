import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { RnetnsError } from '../../errors/error.js';
import { findProgram, isExecutable } from '../../exec/find-program.js';
import { SCRIPTS, scriptText } from '../../namespace/scripts.js';
import { makeContext, type CliContext, type CommonOptions } from '../context.js';

export interface NetavarkOptions extends CommonOptions {
  /** Seconds for each call of netavark. */
  timeout: number;
  /** What podman says to netavark; `rootless` always, and we have no use for its value. */
  rootless?: string | undefined;
  aardvarkBinary?: string | undefined;
  pluginDirectory?: readonly string[] | undefined;
}

export interface NetavarkContext extends CliContext {
  timeoutS: number;
  aardvarkBinary: string | undefined;
  pluginDirectories: readonly string[];
  /** What netavark keeps, and what we keep about its containers. */
  directory: string;
}

export function netavarkContext(options: NetavarkOptions): NetavarkContext {
  const context = makeContext(options);
  return {
    ...context,
    timeoutS: options.timeout,
    aardvarkBinary: options.aardvarkBinary,
    pluginDirectories: options.pluginDirectory ?? [],
    directory: join(context.state.path, 'netavark'),
  };
}

/** What setup and teardown tell scripts/netavark.sh about a container. */
export interface Target {
  netns: string;
  interfaces: readonly string[];
  /** See src/netavark/unfinished.ts. */
  record: string;
}

/** Where scripts/netavark.sh has the container's namespace open, if its caller could open it. */
export const NETNS_FD = 5;

const NO_TARGET: Target = { netns: '', interfaces: [], record: '' };

/** The call of netavark by scripts/netavark.sh. aardvark-dns is optional: without it there are no names. */
export function netavarkCall(
  { config, env, directory, timeoutS, aardvarkBinary, pluginDirectories }: NetavarkContext,
  act: 'setup' | 'teardown' | 'update',
  { netns, interfaces, record } = NO_TARGET,
): string[] {
  const directories = [...config.engine.helperBinariesDirs, ...(env.PATH ?? '').split(':')];
  const netavark = findProgram('netavark', directories, (path) => isExecutable(path) && !isOurselves(path));
  if (netavark === undefined) {
    throw new RnetnsError('ERR_PROGRAM_MISSING', `cannot call netavark: it was not found in ${directories.join(':')}`, {
      hint: 'sudo apt-get install netavark aardvark-dns',
    });
  }
  const aardvark = aardvarkBinary ?? findProgram('aardvark-dns', directories);
  return [
    ...['sh', '-c', scriptText('process', 'netavark'), 'netavark.sh', act, String(timeoutS)],
    ...[directory, netns, interfaces.join(' '), record],
    ...[netavark, '--config', directory, '--rootless', 'true'],
    ...(aardvark === undefined ? [] : ['--aardvark-binary', aardvark]),
    ...pluginDirectories.flatMap((each) => ['--plugin-directory', each]),
  ];
}

/** The link by which podman calls us, for it stands in podman's `helper_binaries_dir`, which is ours as well. */
function isOurselves(path: string): boolean {
  return realpathSync(path) === realpathSync(SCRIPTS.launcher);
}
