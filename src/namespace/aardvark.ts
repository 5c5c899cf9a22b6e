import { readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { StateDirectory } from '../state/directory.js';
import { readOptional } from '../state/files.js';
import { namespaceInode, type ProcessId } from '../state/process.js';

/**
 * Have aardvark-dns read resolv.conf again, which it does on SIGHUP alone. The file of its pid is one that commands can write, so
 * it is that program on the shared network, or it is told nothing.
 */
export function ringAardvark({ path }: StateDirectory, keeper: ProcessId): void {
  const pid = Number(readOptional(join(path, 'netavark/aardvark-dns/aardvark.pid')) ?? '');
  if (!Number.isInteger(pid) || pid <= 1 || namespaceInode(pid, 'net') !== namespaceInode(keeper.pid, 'net')) return;
  try {
    if (basename(readlinkSync(`/proc/${pid}/exe`)) === 'aardvark-dns') process.kill(pid, 'SIGHUP');
  } catch {
    // It ended, or isn't ours.
  }
}
