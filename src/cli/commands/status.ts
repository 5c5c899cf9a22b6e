import { Command } from 'commander';
import { readStatus, type Status } from '../../inspect/status.js';
import type { Reference } from '../../state/references.js';
import { stateOf, type CommonOptions } from '../context.js';
import { print } from '../report.js';

export function statusCommand(): Command {
  return new Command('status')
    .description('one shared namespace: state, driver, addresses, DNS, references, processes')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExamples:\n  rnetns status\n  rnetns status --json | jq -r .state')
    .action(async (_options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const status = await readStatus(stateOf(options));
      print(options.json, status, () => describeStatus(status));
    });
}

function describeStatus(status: Status): string {
  if (status.state === 'down') return `${status.name}: down`;
  const { driver } = status;
  const restarts = driver === null || driver.restarts === 0 ? '' : `, restarts ${driver.restarts}`;
  const rows: [string, string][] = [
    ['state', `${status.state} since ${status.since ?? 'unknown'}`],
    ['directory', status.directory ?? ''],
    [
      'driver',
      driver === null ? 'none' : `${driver.name} (pid ${driver.pid ?? 'none'}${restarts}) ${driver.path ?? ''}`,
    ],
    ['addresses', words(status.addresses, 'none')],
    ['DNS forwarders', words(status.dnsForwardIps, 'none')],
    ['host is', words(status.mapGuestIps, 'not reachable')],
    ['name servers', words(status.nameservers, 'none')],
    [
      'processes',
      `${status.processes ?? 0} (holder ${status.holder?.pid ?? 'dead'}, keeper ${status.keeper?.pid ?? 'dead'})`,
    ],
    ['references', status.refCount === null ? 'unknown: rnetns repair' : String(status.refCount)],
    ...(status.references ?? []).map((reference): [string, string] => ['', describeReference(reference)]),
    ['protected', describeProtection(status.protection)],
  ];
  return [status.name, ...rows.map(([key, value]) => `  ${key.padEnd(15)} ${value}`)].join('\n');
}

function describeProtection(protection: Status['protection']): string {
  const scope = protection?.scope ?? null;
  if (scope === null) return 'not protected from logout: no systemd user manager answered';
  const until = protection?.linger === false ? ' until your last session ends (loginctl enable-linger)' : '';
  return `by ${scope}${until}`;
}

function describeReference({ id, nets, pid, command, since, problem }: Reference): string {
  const process = pid === null ? '' : `, with process ${pid}${command === null ? '' : ` ${command}`}`;
  const wrong = problem === null ? '' : ` (${problem})`;
  return `${id}: ${nets ?? 1} since ${since ?? 'unknown'}${process}${wrong}`;
}

function words(list: readonly string[] | null, none: string): string {
  return list === null || list.length === 0 ? none : list.join(' ');
}
