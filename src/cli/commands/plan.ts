import { Command } from 'commander';
import { settingsWithoutEffect } from '../../config/without-effect.js';
import { chooseParts, makePlan } from '../../lifecycle/make-plan.js';
import type { Inputs } from '../../config/inputs.js';
import type { Plan } from '../../plan/plan.js';
import { lookAtKeptPlan, unkeepable, type KeptPlan } from '../../state/kept-plan.js';
import { printable } from '../../text/printable.js';
import { makeContext, type CommonOptions } from '../context.js';
import { print } from '../report.js';

export function planCommand(): Command {
  return new Command('plan')
    .description('what would be done, without doing it: driver, id maps, mounts in order, resolv.conf')
    .option('--json', 'as JSON')
    .action(async (_options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const context = makeContext(options);
      const { driver, idMap, mounts, resolvConf, directory } = await makePlan(context, await chooseParts(context));
      for (const told of settingsWithoutEffect(context.config, context.own, driver.name)) context.log.warn(told);
      const data = {
        driver: { name: driver.name, path: driver.path, args: driver.args },
        idMap,
        mounts,
        resolvConf,
        directory,
        inputs: listInputs(context.inputs),
        keptPlan: {
          ...lookAtKeptPlan(context.state, context.inputs),
          unkeepable: unkeepable(context.state, context.inputs) ?? null,
        },
      };
      print(options.json, data, () =>
        [
          describePlan({ driver, idMap, mounts, resolvConf, directory }),
          describeKept(data.keptPlan),
          'inputs',
          ...data.inputs.map(
            ({ kind, name, value }) => `  ${kind.padEnd(9)}  ${name}${value === null ? '' : `=${printable(value)}`}`,
          ),
        ].join('\n'),
      );
    });
}

/** One thing that the plan was made from. */
interface Input {
  kind: 'value' | 'file' | 'directory' | 'missing';
  /** A path, or what the value is called: a variable, an option. */
  name: string;
  /** null but for a value. */
  value: string | null;
}

function listInputs({ places, values }: Inputs): Input[] {
  return [
    ...[...values.values()].map(({ name, text }) => ({ kind: 'value' as const, name, value: text })),
    ...[...places].map(([name, { kind }]) => ({ kind, name, value: null })),
  ].sort((one, other) => (one.name < other.name ? -1 : 1));
}

const STATES: Readonly<Record<KeptPlan['state'], string>> = {
  fresh: 'fresh: all that it was made from is as it was',
  stale: 'stale, for these differ: ',
  none: 'none',
  damaged: 'damaged, as if there were none',
};

function describeKept({ state, differs, unkeepable: why }: KeptPlan & { unkeepable: string | null }): string {
  return `kept plan    ${STATES[state]}${differs.join(', ')}${why === null ? '' : `; not kept now: ${why}`}`;
}

function describePlan({ driver, idMap, mounts, resolvConf, directory }: Plan): string {
  const ids = (kind: 'uid' | 'gid') =>
    idMap === null
      ? 'that of the user namespace we are in'
      : idMap[kind].map(([inside, outside, count]) => `${inside} is ${outside}, ${count}`).join('; ');
  return [
    `directory    ${directory}`,
    `driver       ${[driver.path ?? driver.name, ...driver.args].join(' ')}`,
    `uid map      ${ids('uid')}`,
    `gid map      ${ids('gid')}`,
    'mounts',
    ...mounts.map(({ type, source, target }, index) => `  ${index + 1}. ${type.padEnd(7)} ${source} on ${target}`),
    `resolv.conf  seen at ${resolvConf.mountTarget ?? 'no path: the host has none'}`,
    ...resolvConf.content
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
  ].join('\n');
}
