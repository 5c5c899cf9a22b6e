import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readStatus } from '../../inspect/status.js';
import { stateDirectoryOf } from '../../namespace/components.js';
import { seesOther } from '../../namespace/view.js';
import { StateDirectory } from '../../state/directory.js';
import { isLocked } from '../../state/lock.js';
import { commandLine, ownPids, processGroup } from '../../state/process.js';
import { orphansOf } from '../../state/remains.js';
import { stateNames } from '../../state/runtime.js';
import { check, ok, warn } from '../check.js';
import type { Host } from '../host.js';

/** Something that stays as it is, and shouldn't. */
interface Leftover {
  /** Two looks that give the same mean that nobody is at work on it. */
  what: string;
  hint: string;
}

/** A namespace that comes up or goes looks for a moment like one that was left. */
const SECOND_LOOK_MS = 700;

export const leftovers = check('leftovers', {
  async gather({ runtime }: Host): Promise<Leftover[]> {
    if (runtime instanceof Error) return [];
    const first = await look(runtime.base);
    if (first.length === 0) return [];
    await sleep(SECOND_LOOK_MS);
    const seen = new Set(first.map(({ what }) => what));
    return (await look(runtime.base)).filter(({ what }) => seen.has(what));
  },
  judge(all) {
    if (all.length === 0) return ok('none');
    return warn(all.map(({ what }) => what).join('; '), [...new Set(all.map(({ hint }) => hint))].join('; '));
  },
});

async function look(base: string): Promise<Leftover[]> {
  const inDirectories = await Promise.all(stateNames(base).map(async (name) => lookAt(new StateDirectory(base, name))));
  return [...inDirectories.flat(), ...strayProcesses(base)];
}

async function lookAt(state: StateDirectory): Promise<Leftover[]> {
  return isLocked(state) ? [] : [...(await lookAtState(state)), ...strandedProcesses(state)];
}

async function lookAtState(state: StateDirectory): Promise<Leftover[]> {
  const hint = `rnetns repair --name ${state.name}`;
  let status;
  try {
    status = await readStatus(state, { askDriver: false });
  } catch (error) {
    return [{ what: error instanceof Error ? error.message : String(error), hint: `ls -ld ${state.path}` }];
  }
  // It went while we looked.
  if (!existsSync(state.path)) return [];
  if (status.state === 'down') return [{ what: `${state.name}: files of a namespace that is down`, hint }];
  if (status.state === 'degraded') {
    const { driver, supervisor, keeper } = status;
    const parts = { supervisor, keeper, ...(driver?.path == null ? {} : { [driver.name]: driver.pid }) };
    const dead = Object.entries(parts).flatMap(([part, found]) => (found === null ? [part] : []));
    // Nothing has died: see default-route.
    if (dead.length === 0 && driver?.pid != null && !driver.connected) return [];
    return [{ what: `${state.name} is degraded: no ${dead.join(', no ') || 'supervisor'}`, hint }];
  }
  const damaged = (status.references ?? []).filter(({ problem }) => problem !== null).map(({ id }) => id);
  const orphans = orphansOf(state);
  return [
    ...(damaged.length === 0 ? [] : [{ what: `${state.name}: bad references: ${damaged.join(' ')}`, hint }]),
    ...(orphans.length === 0 ? [] : [{ what: `${state.name}: files of killed writers: ${orphans.join(' ')}`, hint }]),
  ];
}

interface Daemon {
  pid: number;
  /** The script that it runs, and the state directory that it works for. */
  script: string;
  directory: string;
}

/** Those of ours that see this runtime directory as we do; a supervisor's children stand for it when it is dead. */
function daemonsOf(runtimeDir: string): Daemon[] {
  const all = ownPids().flatMap((pid) => {
    const args = commandLine(pid);
    const directory = stateDirectoryOf(args);
    if (directory === undefined || seesOther(pid, runtimeDir)) return [];
    return [{ pid, script: args.find((arg) => arg.endsWith('.sh')) ?? '', directory }];
  });
  const pids = new Set(all.map(({ pid }) => pid));
  return all.filter(({ pid }) => {
    const leader = processGroup(pid);
    return leader === undefined || leader === pid || !pids.has(leader);
  });
}

/** Processes of ours below this base whose state directory is gone. */
function strayProcesses(base: string): Leftover[] {
  return daemonsOf(dirname(base))
    .filter(({ directory }) => directory.startsWith(`${base}/`) && !existsSync(directory))
    .map(({ pid, script, directory }) => ({
      what: `${basename(script)} (pid ${pid}) of ${directory}, which is gone`,
      hint: `kill ${pid}`,
    }));
}

/**
 * Processes that a package has left which was moved or removed. They go on, but start nothing of it any more. A script
 * may be there for its process alone, in a mount namespace of its own.
 */
function strandedProcesses({ name, path, runtimeDir }: StateDirectory): Leftover[] {
  const stranded = daemonsOf(runtimeDir).filter(
    ({ pid, script, directory }) =>
      directory === path && !existsSync(script) && !existsSync(`/proc/${pid}/root${script}`),
  );
  return [...new Set(stranded.map(({ script }) => dirname(dirname(script))))].map((root) => {
    const parts = stranded.filter(({ script }) => dirname(dirname(script)) === root);
    const named = parts.map(({ pid, script }) => `${basename(script, '.sh')} (pid ${pid})`).join(', ');
    return {
      what: `${name}: ${named} of an rnetns in ${root}, which was moved or removed`,
      hint: `rnetns stop --name ${name}, once nobody uses it: the next one is made by the rnetns that is called then`,
    };
  });
}
