import { existsSync, readdirSync } from 'node:fs';
import { DNS_FALLBACKS } from '../config/config.js';
import { DRIVERS } from '../driver/drivers.js';
import type { DriverPlan, Plan } from '../plan/plan.js';
import { bootId } from './process.js';
import type { StateDirectory } from './directory.js';
import { readOptional, writeAtomic } from './files.js';
import { isObject, isStrings, type JsonObject } from './json.js';

/**
 * What a namespace was made with, for whoever mends it or asks for its status: `<state>/state.json`.
 *
 * A namespace outlives an upgrade of rnetns, and a downgrade. So what a version before this one didn't write may be
 * missing, and what a later one adds is passed over; `version` changes only when that isn't enough. A field of another
 * type is damage, as is a torn file.
 */
export interface Record {
  version: 1;
  generation: string;
  bootId: string;
  /** When it was made, ISO 8601. */
  since?: string;
  /** Inode of the network namespace, by which its last members are found when all of ours are dead. */
  netnsInode: number;
  /** The settings of whoever made it, which whoever mends it may not have. */
  lingerSeconds?: number;
  plan: Pick<Plan, 'driver' | 'mounts'> & Partial<Plan>;
}

export function writeRecord(state: StateDirectory, record: Required<Record> & { plan: Plan }): void {
  const text = `${JSON.stringify(record)}\n`;
  writeAtomic(state.hiddenRecord, text);
  writeAtomic(state.record, text);
}

/** Have commands, which see that one only, the same record? */
export function showsRecord(state: StateDirectory): boolean {
  return readOptional(state.record) === readOptional(state.hiddenRecord);
}

/**
 * From outside the hidden one alone: by it programs are run on the host's network. Commands see nothing of what is hidden,
 * and run none by it.
 */
function readText(state: StateDirectory): string | undefined {
  return existsSync(state.outside) && readdirSync(state.outside).length > 0
    ? readOptional(state.hiddenRecord)
    : readOptional(state.record);
}

/** Its plan, if there is all in it that making a namespace needs to know. */
export function wholePlan(record: Record | undefined): Plan | undefined {
  if (record === undefined) return undefined;
  const { driver, idMap = null, mounts, resolvConf, directory } = record.plan;
  if (resolvConf === undefined || directory === undefined) return undefined;
  return { driver, idMap, mounts, resolvConf, directory };
}

/** Was the state left by a boot before this one? Not where nobody can tell. */
export function isOfAnotherBoot(state: StateDirectory): boolean {
  const record = parseRecord(readText(state) ?? '');
  return record !== undefined && record.bootId !== bootId();
}

/** The record if it is whole and of this boot. A torn or old one is no error: everything in it can be found again. */
export function readRecord(state: StateDirectory): Record | undefined {
  const text = readText(state);
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
  return asRecord(value);
}

/** undefined: damaged. */
function asDriver(value: unknown): DriverPlan | undefined {
  if (!isObject(value)) return undefined;
  const known = DRIVERS.find(({ name }) => name === value.name);
  if (known === undefined) return undefined;
  const { program, quirks: names } = known;
  const missing = { dnsForward: [], mapGuest: [], ...(program !== null && { readyFd: program.readyFd }) };
  const driver: JsonObject = { ...missing, ...value };
  const { path, args, readyFd, dnsForward, mapGuest, quirks = {} } = driver;
  const fits =
    (program === null ? path === null : typeof path === 'string' && (readyFd === 1 || readyFd === 3)) &&
    [args, dnsForward, mapGuest].every(isStrings) &&
    isObject(quirks) &&
    Object.keys(names).every((name) => ['boolean', 'undefined'].includes(typeof quirks[name]));
  return fits ? (driver as unknown as DriverPlan) : undefined;
}

/** With what a version before this one didn't write missing. */
function isResolvConf(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { asked, sum, settings } = value;
  if ((asked !== undefined && !isStrings(asked)) || !['string', 'undefined'].includes(typeof sum)) return false;
  if (settings === undefined) return true;
  return (
    isObject(settings) &&
    [settings.dnsServers, settings.dnsSearches, settings.dnsOptions].every(isStrings) &&
    DNS_FALLBACKS.some((fallback) => fallback === settings.dnsFallback)
  );
}

/** undefined: damaged. */
function asRecord(value: unknown): Record | undefined {
  if (!isObject(value) || !isObject(value.plan)) return undefined;
  const { version, since, lingerSeconds, plan } = value;
  const driver = asDriver(plan.driver);
  const fits =
    version === 1 &&
    ['generation', 'bootId'].every((key) => typeof value[key] === 'string') &&
    (since === undefined || typeof since === 'string') &&
    Number.isInteger(value.netnsInode) &&
    (lingerSeconds === undefined || (typeof lingerSeconds === 'number' && lingerSeconds >= 0)) &&
    driver !== undefined &&
    (plan.resolvConf === undefined || isResolvConf(plan.resolvConf)) &&
    (plan.directory === undefined || typeof plan.directory === 'string') &&
    Array.isArray(plan.mounts) &&
    plan.mounts.every((mount) => isObject(mount) && isStrings([mount.type, mount.source, mount.target]));
  return fits ? ({ ...value, plan: { ...plan, driver } } as unknown as Record) : undefined;
}
