import type { Host } from './host.js';
import type { CheckId } from './ids.js';

/**
 * Theory of operation: doctor
 *
 * A check is two functions. `gather` tries things on the host and returns facts; `judge` makes a finding of them, and is
 * pure. They run all at once, each with a time limit, and what one throws is its own finding. What several need (is there
 * a scratch namespace? did the driver start?) is tried once, by whoever asks first (host.ts).
 *
 * Nothing is changed: no lock is taken, no shared namespace made. What is tried lives in namespaces that end with their
 * process, and those processes end with us (src/exec/probe.ts).
 */

export type Verdict = 'ok' | 'warn' | 'fail';

/** What a check has found: as `rnetns doctor --json` prints it, without the id. */
export interface Finding {
  /** `warn`: something works less well, or could not be tried; `fail`: rnetns doesn't work like this. */
  status: Verdict;
  /** What was seen. */
  detail: string;
  /** What to do: the exact command, sysctl, file or package; null when nothing needs to be done. */
  hint: string | null;
}

export interface Check {
  id: CheckId;
  limitMs: number;
  run: (host: Host) => Promise<Finding>;
}

/** Most are done in some ten milliseconds. */
const LIMIT_MS = 3000;

export function check<Facts>(
  id: CheckId,
  {
    gather,
    judge,
    limitMs = LIMIT_MS,
  }: { gather: (host: Host) => Facts | Promise<Facts>; judge: (facts: Facts) => Finding; limitMs?: number },
): Check {
  return { id, limitMs, run: async (host) => judge(await gather(host)) };
}

export const ok = (detail: string): Finding => ({ status: 'ok', detail, hint: null });
export const warn = (detail: string, hint: string | null = null): Finding => ({ status: 'warn', detail, hint });
export const fail = (detail: string, hint: string | null = null): Finding => ({ status: 'fail', detail, hint });
