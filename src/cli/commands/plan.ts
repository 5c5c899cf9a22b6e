import { Command } from 'commander';
import { settingsWithoutEffect } from '../../config/without-effect.js';
import { chooseParts, makePlan } from '../../lifecycle/make-plan.js';
import type { Plan } from '../../plan/plan.js';
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
      };
      print(options.json, data, () => describePlan({ driver, idMap, mounts, resolvConf, directory }));
    });
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
