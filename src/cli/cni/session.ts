import { closeSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AttachmentCache } from '../../cni/cache.js';
import type { Cni } from '../../cni/chain.js';
import { CNI_CODE, CniError } from '../../cni/error.js';
import { parseLinks } from '../../cni/links.js';
import { checkNetns, openNetns } from '../../cni/netns.js';
import { underOtherPath } from '../../cni/other-path.js';
import type { PluginRunner } from '../../cni/runner.js';
import { type Entrance, spawnPlugin } from '../../cni/spawn-plugin.js';
import { processEnvironment } from '../../config/environment.js';
import { runCommand } from '../../exec/command.js';
import { findProgram } from '../../exec/find-program.js';
import { shellWord } from '../../exec/shell-word.js';
import { LauncherCall } from '../../library/launcher-call.js';
import { enterArguments } from '../../namespace/enter.js';
import { scriptText } from '../../namespace/scripts.js';
import { closeAttachmentPorts } from '../../ports/container-ports.js';
import { printLog } from '../call-launcher.js';
import type { CliContext } from '../context.js';

/**
 * How a session holds the namespace: with a reference that is set up or torn down when it succeeds, or as a command does. It is
 * in O, for the namespaces of containers may be.
 */
export interface Session {
  verb: 'setup' | 'teardown' | 'beside';
  /** Of the verb: `--id ID`. */
  options?: readonly string[];
  /** Let no other session run meanwhile. */
  exclusive?: boolean;
  /** The container's network namespace, to be looked at before anything is done. */
  netns?: string;
}

export interface CniContext extends CliContext {
  /** For each plugin. */
  pluginTimeoutMs: number;
}

export const PLUGIN_TIMEOUT_S = 60;
/** For rnetns: making a namespace, and another session that is exclusive. */
const SESSION_TIMEOUT_MS = 120_000;

/**
 * Let `act` call plugins in the shared namespace, which is made if need be. A shell waits inside (scripts/cni-session.sh),
 * with the mounts that plugins need, and each plugin enters where it is: a process of its own, with just the environment
 * that the spec names. When `act` throws, the reference is neither counted nor dropped.
 *
 * @throws what `act` throws, and RnetnsError.
 */
export function inSession<T>(context: CniContext, session: Session, act: (cni: Cni) => Promise<T>): Promise<T> {
  const { netns = '' } = session;
  const opened = netns === '' ? undefined : openNetns(netns);
  return during(context, session, opened, act).finally(() => {
    if (opened !== undefined) closeSync(opened);
  });
}

function during<T>(
  context: CniContext,
  session: Session,
  opened: number | undefined,
  act: (cni: Cni) => Promise<T>,
): Promise<T> {
  const { state, runtimeDir, launcherOptions, lock } = context;
  const { verb, options: more = [], exclusive = false, netns = '' } = session;
  const script = scriptText('cniSession');
  const inside = ['sh', '-c', script, 'cni-session.sh', state.path, exclusive ? 'exclusive' : 'shared', netns];
  const given = opened === undefined ? [] : ['given'];
  const call = new LauncherCall({
    argv: [verb, '--json', ...launcherOptions, ...more, '--', ...inside, ...given],
    env: { XDG_RUNTIME_DIR: runtimeDir },
    timeoutMs: SESSION_TIMEOUT_MS,
    what: verb === 'beside' ? `entering the namespace ${state.name}` : `${verb} of the namespace ${state.name}`,
    onLog: printLog,
    signal: context.interruption,
    // The script has the second one on 4, or nothing there.
    descriptors: [lock?.fd ?? ('ignore' as const), ...(opened === undefined ? [] : [opened])],
  });
  return call.during((line) => {
    const [pid, isGiven] = line.split(' ');
    return act(pluginsAt(Number(pid), context, { netns, isOutside: isGiven === 'given' }));
  });
}

const LINK_TIMEOUT_MS = 10_000;

/**
 * Interfaces are looked at where plugins would, for a path means there what it means to them.
 *
 * @param inside - the path that a path of our caller's has there.
 */
function linksAt(
  entrance: Entrance,
  { env }: CniContext,
  inside: (path: string) => string,
): Pick<Cni, 'links' | 'setMac' | 'deleteLink'> {
  const ip = (args: readonly string[], netns: string | undefined) => {
    const enter = netns === undefined ? [] : ['nsenter', `--net=${inside(netns)}`, '--'];
    return runCommand(entrance.file, [...entrance.args, ...enter, 'ip', ...args], { env, timeoutMs: LINK_TIMEOUT_MS });
  };
  const change = async (what: string, args: readonly string[], netns?: string): Promise<void> => {
    const { status, stderr, outcome } = await ip(args, netns);
    if (status !== 0) throw new CniError(CNI_CODE.io, `cannot ${what}: ${stderr.trim() === '' ? outcome : stderr}`);
  };
  return {
    links: async (netns) => {
      const { status, stdout, stderr, outcome } = await ip(['-json', '-details', 'link', 'show'], netns);
      const links = status === 0 ? parseLinks(stdout) : undefined;
      if (links !== undefined) return links;
      // Of nsenter(1), which didn't get there, only the reason.
      const refused = /^nsenter: .*: ([^:]+)$/.exec(stderr.trim())?.[1];
      const why = refused !== undefined ? `it can't be entered: ${refused}` : stderr.trim() === '' ? outcome : stderr;
      throw new CniError(CNI_CODE.badNetns, `cannot look into ${netns ?? 'the shared network namespace'}: ${why}`, {
        hint: netns === undefined ? undefined : 'it must belong to the user namespace of rnetns: rnetns unshare -- …',
      });
    },
    setMac: (name, mac) => change(`set the address of ${name}`, ['link', 'set', 'dev', name, 'address', mac]),
    deleteLink: (name, netns) => change(`delete the interface ${name}`, ['link', 'delete', 'dev', name], netns),
  };
}

/**
 * Plugins are run where this process is.
 *
 * @param isOutside - has the container's namespace its path for our caller alone?
 */
function pluginsAt(pid: number, context: CniContext, { netns, isOutside }: { netns: string; isOutside: boolean }): Cni {
  const { state, config, env, log, launcherOptions, pluginTimeoutMs, interruption } = context;
  const [nsenter = '', ...args] = enterArguments({ pid, user: true, mount: true, net: true });
  // By its path: a plugin's PATH is its own.
  const entrance = { file: findProgram(nsenter, (env.PATH ?? '').split(':')) ?? nsenter, args };
  const run: PluginRunner = (plugin) => spawnPlugin(plugin, entrance);
  const opened = `/proc/${pid}/fd/4`;
  return {
    cache: new AttachmentCache(join(state.path, 'var/lib/cni')),
    pluginDirs: config.network.cniPluginDirs,
    path: processEnvironment().PATH,
    timeoutMs: pluginTimeoutMs,
    interruption,
    warn: (message) => log.warn(message),
    ...linksAt(entrance, context, (path) => (isOutside && path === netns ? opened : path)),
    runner: isOutside ? underOtherPath(run, netns, opened) : run,
    checkNetns: (path) => checkNetns(path, opened, `/proc/${pid}/ns/net`),
    closePorts: (network, { containerId, ifName }) =>
      closeAttachmentPorts(state, { container: containerId, network, ifName }),
    netnsInode: (path) =>
      statSync(path === netns ? opened : `/proc/${pid}/root${path}`, { throwIfNoEntry: false })?.ino,
    program: ['rnetns', ...launcherOptions].map(shellWord).join(' '),
  };
}
