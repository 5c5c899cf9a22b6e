import type { DriverPlan, Plan } from '../plan/plan.js';
import { bootId } from './process.js';
import type { StateDirectory } from './directory.js';
import { readOptional, writeAtomic } from './files.js';
import { isObject, isStrings } from './json.js';

/** What a namespace was made with, for whoever mends it or asks for its status: `<state>/state.json`. */
export interface Record {
  version: 1;
  generation: string;
  bootId: string;
  /** When it was made, ISO 8601. */
  since: string;
  /** Inode of the network namespace, by which its last members are found when all of ours are dead. */
  netnsInode: number;
  /** The settings of whoever made it, which whoever mends it may not have. */
  lingerSeconds: number;
  plan: Plan;
}

export function writeRecord(state: StateDirectory, record: Record): void {
  writeAtomic(state.record, `${JSON.stringify(record)}\n`);
}

/** Was the state left by a boot before this one? Not where nobody can tell. */
export function isOfAnotherBoot(state: StateDirectory): boolean {
  const record = parseRecord(readOptional(state.record) ?? '');
  return record !== undefined && record.bootId !== bootId();
}

/** The record if it is whole and of this boot. A torn or old one is no error: everything in it can be found again. */
export function readRecord(state: StateDirectory): Record | undefined {
  const text = readOptional(state.record);
  const record = text === undefined ? undefined : parseRecord(text);
  return record?.bootId === bootId() ? record : undefined;
}

export function parseRecord(text: string): Record | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isRecord(value) ? value : undefined;
}

function isDriverPlan(value: unknown): value is DriverPlan {
  if (!isObject(value)) return false;
  const { name, path, args, readyFd, dnsForward, mapGuest } = value;
  const known = name === 'none' ? path === null : typeof path === 'string' && (readyFd === 1 || readyFd === 3);
  return known && typeof name === 'string' && [args, dnsForward, mapGuest].every(isStrings);
}

function isRecord(value: unknown): value is Record {
  if (!isObject(value) || !isObject(value.plan)) return false;
  const { plan } = value;
  return (
    value.version === 1 &&
    ['generation', 'bootId', 'since'].every((key) => typeof value[key] === 'string') &&
    Number.isInteger(value.netnsInode) &&
    typeof value.lingerSeconds === 'number' &&
    value.lingerSeconds >= 0 &&
    isDriverPlan(plan.driver) &&
    isObject(plan.resolvConf) &&
    typeof plan.directory === 'string' &&
    Array.isArray(plan.mounts) &&
    plan.mounts.every((mount) => isObject(mount) && isStrings([mount.type, mount.source, mount.target]))
  );
}
