import { setTimeout as sleep } from 'node:timers/promises';
import { errnoReason } from '../config/errno.js';
import { RnetnsError } from '../errors/error.js';
import type { Check, Finding } from './check.js';
import { kernel } from './checks/kernel.js';
import { defaultRoute, dns } from './checks/network.js';
import { drivers } from './checks/drivers.js';
import { firewall, procSys } from './checks/inside.js';
import { leftovers } from './checks/leftovers.js';
import { limits, mounts } from './checks/mounts.js';
import { namespaces, userNamespace } from './checks/namespaces.js';
import { newuidmap } from './checks/newuidmap.js';
import { ports } from './checks/ports.js';
import { programs } from './checks/programs.js';
import { runtimeDir } from './checks/runtime-dir.js';
import { linger, sessionBus, systemd } from './checks/session.js';
import { settings } from './checks/settings.js';
import { subordinateIds } from './checks/subordinate-ids.js';
import { tun } from './checks/tun.js';
import type { Host } from './host.js';
import { CHECK_IDS, type CheckId } from './ids.js';

const ALL: readonly Check[] = [
  ...[kernel, programs, settings, runtimeDir, userNamespace, namespaces, subordinateIds, newuidmap, tun],
  ...[...drivers, ports, firewall, procSys, systemd, linger, sessionBus, limits, mounts, leftovers, defaultRoute, dns],
];

/** The finding of one check. */
export interface Checked extends Finding {
  id: CheckId;
}

/** As `rnetns doctor --json` prints it. */
export interface Diagnosis {
  /** No check has failed; warnings don't count. */
  ok: boolean;
  checks: Checked[];
}

/** Run these checks, or all, at once; in their own order. Changes nothing, and never throws for what one of them does. */
export async function diagnose(host: Host, ids: readonly CheckId[] = CHECK_IDS): Promise<Diagnosis> {
  const chosen = ALL.filter(({ id }) => ids.includes(id));
  const checks = await Promise.all(chosen.map(async (each) => ({ id: each.id, ...(await runOne(each, host)) })));
  return { ok: checks.every(({ status }) => status !== 'fail'), checks };
}

async function runOne({ run, limitMs }: Check, host: Host): Promise<Finding> {
  const over = new AbortController();
  const limit = sleep(limitMs, undefined, over).then(
    (): Finding => ({
      status: 'fail',
      detail: `took longer than ${limitMs / 1000} s`,
      hint: 'try it again alone: --check',
    }),
    () => undefined as never,
  );
  try {
    return await Promise.race([run(host), limit]);
  } catch (error) {
    return {
      status: 'fail',
      detail: errnoReason(error),
      hint: error instanceof RnetnsError ? (error.hint ?? null) : null,
    };
  } finally {
    over.abort();
  }
}
