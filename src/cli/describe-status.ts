import { describeLimits, type Limit } from '../inspect/limits.js';
import type { Status } from '../inspect/status.js';
import { ownerOfListed } from '../ports/port.js';
import { inWords as portInWords, openTo } from '../ports/words.js';
import type { Reference } from '../state/references.js';
import { bold, type Screen } from './screen.js';
import { printable } from '../text/printable.js';
import { referencesInWords, usersInWords } from '../text/users.js';
import { age, count } from '../text/words.js';

/** One namespace on one screen: how it is, who uses it and how long it stays, what it consists of, what is wrong. */
export function describeStatus(status: Status, screen: Screen, now = Date.now()): string {
  if (status.state === 'down') return `${status.name}: down`;
  const rows: [string, string][] = [
    ['directory', status.directory ?? ''],
    ...describeDriver(status.driver),
    ['addresses', words(status.addresses, 'none')],
    ['DNS forwarders', words(status.dnsForwardIps, 'none')],
    ['host is', words(status.mapGuestIps, 'not reachable')],
    ['name servers', words(status.nameservers, 'none')],
    ['kept by', `supervisor ${status.supervisor?.pid ?? 'dead'}, keeper ${status.keeper?.pid ?? 'dead'}`],
    ['references', status.refCount === null ? 'unknown: rnetns repair' : String(status.refCount)],
    ...(status.references ?? []).map((reference): [string, string] => ['', describeReference(reference)]),
    ...(status.ports ?? []).map((port, index): [string, string] => [index === 0 ? 'ports' : '', describePort(port)]),
    ['protected', describeProtection(status.protection)],
    ...describeLimited(status.limits ?? []),
    ...findProblems(status).map((problem): [string, string] => ['problem', problem]),
  ];
  const lines = rows.map(([key, value]) => `  ${key.padEnd(15)} ${printable(value)}`.trimEnd());
  return [bold(`${status.name}: ${inWords(status, now)}`, screen), ...lines].join('\n');
}

/** "running for 3 min; 2 processes, 1 container; goes 2 s after the last use" */
function inWords(status: Status, now: number): string {
  const users = usersInWords(status);
  return [
    status.since === null ? status.state : `${status.state} for ${age(status.since, now)}`,
    users.length === 0 ? 'unused' : users.join(', '),
    ...(status.linger === null ? [] : [`goes ${whenGone(status.linger, users.length > 0)}`]),
  ].join('; ');
}

function whenGone(linger: number, used: boolean): string {
  if (used) return linger === 0 ? 'with the last use' : `${linger} s after the last use`;
  return linger === 0 ? 'at once' : `within ${linger} s`;
}

function describeDriver(driver: Status['driver']): [string, string][] {
  if (driver === null) return [['driver', 'none']];
  const { name, pid, path, restarts, lastWords } = driver;
  const facts = [
    ...(path === null ? [] : [pid === null ? 'not running' : `pid ${pid}`]),
    ...(restarts === 0 ? [] : [`restarts ${restarts}`]),
  ];
  return [
    ['driver', [name, ...(facts.length === 0 ? [] : [`(${facts.join(', ')})`]), path ?? ''].join(' ').trimEnd()],
    ...(lastWords === null ? [] : [['', `last words: ${lastWords}`] as [string, string]]),
  ];
}

function describePort(port: NonNullable<Status['ports']>[number]): string {
  const owner = port.owner.kind === 'namespace' ? '' : `, for ${ownerOfListed(port)}`;
  return `${portInWords(port)}, open to ${openTo(port)}${owner}${port.problem === null ? '' : ` (${port.problem})`}`;
}

function describeProtection(protection: Status['protection']): string {
  const scope = protection?.scope ?? null;
  if (scope === null) return 'not protected from logout: no systemd user manager answered';
  const until = protection?.linger === false ? ' until your last session ends (loginctl enable-linger)' : '';
  return `by ${scope}${until}`;
}

/** A new one has those of its own maker. */
function describeLimited(limits: readonly Limit[]): [string, string][] {
  return limits.length === 0
    ? []
    : [['limited', `to what its maker had: ${describeLimits(limits)}; until rnetns stop`]];
}

function describeReference({ id, nets, pid, command, since, problem }: Reference): string {
  const process = pid === null ? '' : `, with process ${pid}${command === null ? '' : ` ${command}`}`;
  const wrong = problem === null ? '' : ` (${problem})`;
  return `${id}: ${count(nets ?? 1, 'network')} since ${since ?? 'unknown'}${process}${wrong}`;
}

/** What isn't as it should be, each with what to do. */
function findProblems(status: Status): string[] {
  const { driver, references } = status;
  const dead = (['supervisor', 'keeper'] as const).filter((part) => status[part] === null);
  const silent = driver !== null && driver.path !== null && driver.pid === null;
  const cutOff = driver?.pid != null && !driver.connected;
  const unknown = status.state === 'degraded' && dead.length === 0 && !silent && !cutOff;
  const damaged = (references ?? []).filter(({ problem }) => problem !== null).length;
  return [
    ...dead.map((part) => `the ${part} is dead: rnetns repair`),
    ...(silent
      ? [`${driver.name} isn't running, and is tried again every few seconds: see the log in the directory`]
      : []),
    ...(cutOff
      ? [`no way out: the host has no route to the Internet, or none that ${driver.name} can use: rnetns doctor`]
      : []),
    ...(status.publicNameservers === undefined
      ? []
      : [
          `public name servers are asked, for lack of others: ${words(status.publicNameservers, '')}: dns_servers, dns_fallback`,
        ]),
    ...(status.stale ?? []).map(({ detail }) => `${detail}: rnetns repair`),
    ...(unknown ? ['a part of it does not do its work: rnetns repair'] : []),
    ...(status.refCount === null ? ['the references cannot be counted: rnetns repair'] : []),
    ...(damaged === 0 ? [] : [`${referencesInWords(damaged)} dead or damaged: rnetns repair`]),
  ];
}

function words(list: readonly string[] | null, none: string): string {
  return list === null || list.length === 0 ? none : list.join(' ');
}
