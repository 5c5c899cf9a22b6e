import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../config/config.js';
import { shellWord } from '../exec/shell-word.js';
import { shellPlan } from '../namespace/shell-plan.js';
import { ofFamilies } from '../plan/addresses.js';
import type { Plan } from '../plan/plan.js';
import { planResolvConf, publicServers } from '../plan/resolv-conf.js';
import type { StateDirectory } from '../state/directory.js';
import { CREATE_ATTEMPTS } from './connect.js';
import { forwardersFor, resolvConfFacts } from './make-plan.js';

/**
 * What scripts/make.sh makes the next namespace of this name from, in lines of sh, when nothing that was asked for this plan has
 * changed.
 *
 * @returns undefined where a start needs more than that: warnings that nobody would give, or mounts that Node prepares.
 */
export function keptBody(state: StateDirectory, config: Config, plan: Plan): string | undefined {
  const { driver, idMap, mounts, resolvConf } = plan;
  const { lingerSeconds } = config.rnetns;
  if (idMap === null || mounts.some(({ type }) => type === 'overlay')) return undefined;
  const cases = [
    { word: '4', ipv4: true, ipv6: false },
    { word: '6', ipv4: false, ipv6: true },
    { word: '46', ipv4: true, ipv6: true },
  ].map(({ word, ...families }) => {
    const dnsForwardIps = forwardersFor(driver, families);
    const facts = resolvConfFacts(config, driver, dnsForwardIps, families.ipv6);
    const mapGuestIps = ofFamilies(driver.mapGuest, families);
    return { word, facts, info: JSON.stringify({ dnsForwardIps, mapGuestIps }).slice(1, -1) };
  });
  if (cases.some(({ facts }) => publicServers(facts).length > 0)) return undefined;
  const values = {
    rn_shell_plan: shellPlan(plan, lingerSeconds, { attempts: CREATE_ATTEMPTS, persist: 'no' }),
    rn_uid_map: idMap.uid.flat().join(' '),
    rn_gid_map: idMap.gid.flat().join(' '),
    rn_leaves_ipv4: driver.path !== null && driver.families?.ipv4 !== false ? 1 : '',
    rn_target: resolvConf.mountTarget ?? '',
    rn_record: JSON.stringify({ lingerSeconds, plan }).slice(1),
  };
  return [
    ...Object.entries(values).map(([name, value]) => `${name}=${shellWord(String(value))}`),
    `plan_directories() { "$@" ${directories(state, plan).map(shellWord).join(' ')}; }`,
    'plan_for() {',
    '  case $1 in',
    ...cases.map(
      ({ word, facts, info }) =>
        `    ${word}) rn_resolv_conf=${shellWord(planResolvConf(facts).content)} rn_info=${shellWord(`${info}}`)} ;;`,
    ),
    '    *) return 1 ;;',
    '  esac',
    '}',
    '',
  ].join('\n');
}

/** Those that the mounts need in the state directory; its files the keeper makes, which has the mounts before them. */
function directories({ path }: StateDirectory, { mounts }: Plan): string[] {
  const isOurs = (file: string): boolean => file.startsWith(`${path}/`);
  const needed = mounts.flatMap(({ type, source, target }) => {
    const isDirectory = type === 'tmpfs' || !existsSync(source) || statSync(source).isDirectory();
    return [
      ...(isOurs(source) && source !== join(path, 'resolv.conf') ? [source] : []),
      ...(isOurs(target) ? [isDirectory ? target : dirname(target)] : []),
    ];
  });
  return [...new Set(needed)];
}
