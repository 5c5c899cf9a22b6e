import type { StateDirectory } from '../state/directory.js';
import { isSameFile, readOptional, statOptional } from '../state/files.js';
import { identifyProcess, namespaceInode, type ProcessId } from '../state/process.js';

/**
 * Is a process that says that it is ours what it says? Its arguments prove nothing: a command has any that it likes, and
 * whoever took it for a part of ours would follow it to where it is, and be traced there.
 *
 * What no command can have is a file that is hidden from all of them open, or be on the host's network. The second also
 * tells where the state was removed, or the first was lost.
 */
export function isOutside(pid: number, state: StateDirectory, role: 'supervisor' | 'guard'): boolean {
  // From inside nobody can look at it, and nobody follows.
  if (namespaceInode(pid, 'user') === undefined) return true;
  return hasOpen(pid, OUTSIDE_FD, role === 'guard' ? state.guardFile : state.supervisor) || isOnOurNetwork(pid);
}

/** By which scripts/supervisor.sh shows who it is. */
export const OUTSIDE_FD = 8;

/** A driver has no descriptor of ours. */
export function isOnOurNetwork(pid: number): boolean {
  const network = namespaceInode(pid, 'net');
  return network === undefined || network === namespaceInode('self', 'net');
}

/** The keeper is inside, and so is known by pid and start time; where nothing is recorded, any may be it. */
export function isRecordedKeeper(pid: number, state: StateDirectory): boolean {
  const recorded = readOptional(state.keeperFile) ?? '';
  return (
    !/^\d+ \d+\n$/.test(recorded) ||
    recorded === processLine({ pid, startTicks: identifyProcess(pid)?.startTicks ?? 0 })
  );
}

/** What the supervisor has recorded, if it is a living process. */
export function recordedProcess(file: string): ProcessId | undefined {
  const [pid = 0, startTicks] = (readOptional(file) ?? '').split(' ').map(Number);
  const found = identifyProcess(pid);
  return found !== undefined && (startTicks === undefined || startTicks === found.startTicks) ? found : undefined;
}

export function processLine({ pid, startTicks }: ProcessId): string {
  return `${pid} ${startTicks}\n`;
}

/** False also for a process that may not be looked at. */
export function hasOpen(pid: number, descriptor: number, file: string): boolean {
  return isSameFile(statOptional(`/proc/${pid}/fd/${descriptor}`), statOptional(file));
}
