import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { managerSocket, startScope } from './user-manager.js';

/**
 * Theory of operation: protected from birth
 *
 * systemd ends what is in the cgroup of a unit that stops, or of a session that ends. What holds the namespace together
 * must not go with whoever called first, so where the user has a systemd manager it gets a scope unit of its own.
 * cgroups are inherited by fork(2) (cgroups(7)), and entering namespaces changes none: so the process that is about to
 * start the supervisor moves to the scope itself, before, and nothing of the namespace was ever anywhere else. The
 * launcher, and with it the command, stays in the caller's.
 *
 * The scope lives as long as a process is in it, at most as long as the user's manager: that ends some seconds after
 * the user's last session, unless `loginctl enable-linger` keeps it.
 */

/** A manager that is there answers in some ten milliseconds; being unprotected is better than waiting for one that hangs. */
const TIMEOUT_MS = 2000;

const UNIT = /^rnetns-[A-Za-z0-9_.-]+-[0-9a-f]{8}\.scope$/;

/** The scope of ours that a process is in. */
export function scopeOf(pid: number | 'self'): string | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, 'latin1');
  } catch {
    return null;
  }
  // `0::PATH`, with the old hierarchies `1:name=systemd:PATH`; PATH has no colon in it that would be systemd's.
  const units = text.split('\n').map((line) => basename(line.replace(/^[^:]*:[^:]*:/, '')));
  return units.find((unit) => UNIT.test(unit)) ?? null;
}

/**
 * Move this process to a scope for the namespace NAME, unless it is in one. Never fails:
 * without a manager nothing happens, and one that refuses, or hangs, is only told of.
 */
export async function enterScope(name: string, runtimeDir: string, warn: (message: string) => void): Promise<void> {
  if (scopeOf('self')?.replace(/-[^-]*$/, '') === `rnetns-${name}`) return;
  // Random enough to be another one than the last; node:crypto takes 3 ms to load.
  const digits = Math.trunc(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
  const unit = { name: `rnetns-${name}-${digits}.scope`, description: `rnetns ${name}` };
  try {
    await startScope(managerSocket(runtimeDir), unit, TIMEOUT_MS);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    // What a manager leaves behind that has ended is as good as none.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ECONNREFUSED') return;
    warn(`the namespace ${name} is not protected from logout: starting ${unit.name} failed: ${message}`);
  }
}
