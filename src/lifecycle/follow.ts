import { rmSync } from 'node:fs';
import { makeMountPoints } from '../namespace/mount-points.js';
import type { Surroundings } from '../namespace/surroundings.js';
import { ringAardvark } from '../namespace/aardvark.js';
import { redirectForwarders } from '../namespace/redirect.js';
import { recordedProcess } from '../namespace/proof.js';
import { shellMounts } from '../namespace/shell-plan.js';
import { showsResolvConf } from '../namespace/resolv-conf-shown.js';
import { showResolvConf } from '../namespace/show-resolv-conf.js';
import { withResolvConfAt } from '../plan/mounts.js';
import { resolvConfTarget } from '../plan/resolv-conf-target.js';
import type { StateDirectory } from '../state/directory.js';
import { readOptional, writeAtomic, writeInPlace } from '../state/files.js';
import { readInfo, writeInfo } from '../state/info.js';
import { readLive } from '../state/live.js';
import type { ProcessId } from '../state/process.js';
import { readRecord, wholePlan, writeRecord, type Record } from '../state/record.js';
import { readLink } from './facts.js';
import { lookAtHost } from './look.js';

/**
 * Theory of operation: following the host
 *
 * The supervisor has seen that the host's name servers may be others (scripts/watching.sh), or has started driver or keeper
 * again. With the lock, in O and M0:
 *   1. look: plan what depends on the host, and compare (look.ts)
 *   2. resolv.conf in place, so that commands that run see it: glibc, musl and Go read it again
 *   3. info.json
 *   4. the driver's forwarder, for who reads resolv.conf once, and aardvark-dns, which reads it again when it is told to
 *   5. where the host's resolv.conf leads elsewhere, the plan for keepers to come
 *   6. resolv.conf where commands look for it, if the host's has taken its place (show-resolv-conf.ts)
 *
 * @returns lines for the log.
 * @throws what could not be done; what was done before stays so.
 */
export async function followHost(
  state: StateDirectory,
  generation: string,
  env: Surroundings['env'],
): Promise<string[]> {
  const record = readRecord(state);
  const keeper = recordedProcess(state.keeperFile);
  // Another one's by now, or a version before this one has made it.
  const settings = record?.plan.resolvConf?.settings;
  if (readLive(state)?.generation !== generation || record === undefined || settings === undefined) return [];
  if (keeper === undefined) throw new Error(`the keeper of ${state.path} is dead`);
  const { driver, resolvConf } = record.plan;
  const look = lookAtHost(state, { driver, resolvConf: { ...resolvConf, settings } }, keeper); // 1.
  if (look === undefined) throw new Error(`the keeper of ${state.path} ended`);
  const { part, info, stale, redirects } = look;
  const said = stale.map(({ detail }) => detail);
  if (part.names.kept !== undefined) said.push(`resolv.conf stays as it is: ${part.names.kept}`);
  else if (stale.some(({ what }) => what === 'resolv.conf')) writeInPlace(state.resolvConf, part.names.content); // 2.
  if (JSON.stringify(readInfo(state)) !== JSON.stringify(info)) writeInfo(state, info); // 3.
  const supervisor = recordedProcess(state.supervisor);
  if (redirects !== undefined && supervisor !== undefined) {
    const obstacle = await redirectForwarders(state, redirects, supervisor, env); // 4.
    if (obstacle !== undefined) said.push(obstacle);
    ringAardvark(state, keeper);
  }
  const target = resolvConfTarget(readLink);
  // The host has none, for now.
  if (target === null) return said;
  if (target !== resolvConf?.mountTarget) lead(state, record, target); // 5.
  return [...said, ...(await show(state, keeper, target, env))]; // 6.
}

function lead(state: StateDirectory, record: Record, target: string): void {
  const plan = wholePlan(record);
  const { since, lingerSeconds } = record;
  if (plan === undefined || since === undefined || lingerSeconds === undefined) return;
  const mounts = withResolvConfAt(plan.mounts, state.path, target);
  const changed = { ...plan, mounts, resolvConf: { ...plan.resolvConf, mountTarget: target } };
  makeMountPoints(state, mounts);
  writeAtomic(state.shellMounts, `${shellMounts(mounts)}\n`);
  writeRecord(state, { ...record, since, lingerSeconds, plan: changed });
}

async function show(
  state: StateDirectory,
  keeper: ProcessId,
  target: string,
  env: Surroundings['env'],
): Promise<string[]> {
  const { count, failed } = await showResolvConf({ state, keeper, target, env });
  if (showsResolvConf(state, keeper, target)) {
    if (readOptional(state.resolvConfTarget) !== `${target}\n`) writeAtomic(state.resolvConfTarget, `${target}\n`);
  } else {
    rmSync(state.resolvConfTarget, { force: true });
    throw new Error(failed[0] ?? `the keeper does not see resolv.conf at ${target}`);
  }
  return [
    ...(count === 0 ? [] : [`resolv.conf mounted again, on ${target}, for ${count} of keeper and commands`]),
    ...failed,
  ];
}
