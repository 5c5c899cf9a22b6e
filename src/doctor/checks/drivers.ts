import type { Config, DriverName } from '../../config/config.js';
import { findDriver, type Found } from '../../driver/choose.js';
import type { ConnectingDriver } from '../../driver/driver.js';
import { CONNECTING, driverNamed, INDEPENDENT, installHint, namesOf } from '../../driver/drivers.js';
import { RnetnsError } from '../../errors/error.js';
import { findProgram } from '../../exec/find-program.js';
import { isOnline, oddWaysOut } from '../../namespace/ways-out.js';
import { tunProblem } from '../../namespace/tun.js';
import { check, fail, ok, warn, type Check, type Finding } from '../check.js';
import { tryDriver, type DriverTrial } from '../driver-trial.js';
import type { Host } from '../host.js';
import { reachesLoopback } from '../loopback.js';
import { withoutScratch } from '../scratch.js';

const LIMIT_MS = 5000;

/** One each, by its name. */
export const drivers: readonly Check[] = CONNECTING.map((driver) =>
  check(driver.name, { gather: async (host: Host) => gather(host, driver), judge, limitMs: LIMIT_MS }),
);

/** The one that a namespace made now would get; an error where there is none. */
export function chosenDriver({ config, path }: Host): Found | RnetnsError {
  try {
    return findDriver(config, path);
  } catch (error) {
    if (error instanceof RnetnsError) return error;
    throw error;
  }
}

/** The one that the settings ask for, or that is looked for first. */
export function wantedDriver({ network }: Config): DriverName {
  return network.defaultRootlessNetworkCmd ?? CONNECTING[0].name;
}

export interface Facts {
  name: DriverName;
  /** Of the driver that would be used; undefined when none can be. */
  chosen: DriverName | undefined;
  /** Is it `wantedDriver`? Then its lack is what is wrong. */
  wanted: boolean;
  /** `used`: does it let root inside reach the host's loopback? */
  trial: DriverTrial<boolean> | RnetnsError | Finding | undefined;
  online: boolean;
  /** What is out of the ordinary about the host's routes, so that this driver may not be able to use them. */
  odd?: string | undefined;
  tun: { why: string; hint: string } | undefined;
}

async function gather(host: Host, driver: ConnectingDriver): Promise<Facts> {
  const { name, program, quirks } = driver;
  const choice = chosenDriver(host);
  const facts = {
    name,
    chosen: choice instanceof RnetnsError ? undefined : choice.driver.name,
    wanted: name === wantedDriver(host.config),
    online: await isOnline(),
  };
  const path =
    !(choice instanceof RnetnsError) && choice.driver.name === name
      ? choice.path
      : findProgram(program.file, [...host.config.engine.helperBinariesDirs, ...host.path]);
  const isWrong = choice instanceof RnetnsError && facts.wanted && host.config.engine.networkCmdPath !== undefined;
  if (isWrong) return { ...facts, trial: choice, tun: undefined };
  if (path === undefined) return { ...facts, trial: undefined, tun: undefined };
  const impossible = await withoutScratch(host);
  if (impossible !== undefined) return { ...facts, trial: impossible, tun: undefined };
  try {
    const trial = await tryDriver(host, { driver, path }, ({ enter }) => reachesLoopback(enter, host.env));
    if (trial.ready) return { ...facts, trial, tun: undefined };
    const odd = quirks.copiesHostRoutes ? await oddWaysOut(host.env) : undefined;
    return { ...facts, trial, tun: tunProblem(), odd };
  } catch (error) {
    if (error instanceof RnetnsError) return { ...facts, trial: error, tun: undefined };
    throw error;
  }
}

/** Exported for its test. */
export function judge({ name, chosen, wanted, trial, online, odd, tun }: Facts): Finding {
  const matters = chosen === name || (chosen === undefined && wanted);
  const bad = matters ? fail : warn;
  const asksForNone = chosen !== undefined && driverNamed(chosen).program === null;
  const aside = asksForNone ? '; not used: the settings ask for none' : matters ? '' : '; not used';
  if (trial === undefined) {
    if (!matters) return ok(`not installed${aside}`);
    return fail('not installed', installHint(driverNamed(name)));
  }
  if (trial instanceof RnetnsError) {
    const finding = trial.code === 'ERR_NETNS' ? warn : bad;
    return finding(`${trial.message}${aside}`, trial.hint ?? null);
  }
  if ('status' in trial) return trial;
  const { path, version, ready, words, confinement } = trial;
  const what = [
    version === '' ? path : `${version} (${path})`,
    ...(confinement === undefined ? [] : [`confined as ${confinement}`]),
  ];
  if (ready && trial.used === true && matters) {
    return warn(
      `starts: ${what.join(', ')}; root inside can reach what listens on the host's 127.0.0.1, if it changes the routes there`,
      ['docs/security.md tells how to run what you do not trust', ...closedReleases()].join('; '),
    );
  }
  if (ready) return ok(`starts: ${what.join(', ')}${aside}`);
  const detail = `does not start: ${words}: ${what.join(', ')}${aside}`;
  if (tun !== undefined) return bad(`${detail}: ${tun.why}`, tun.hint);
  if (/permission denied|operation not permitted/i.test(words)) return bad(detail, deniedHint(name, confinement));
  // A namespace comes up without it, and is connected once there is a route.
  if (!online) return warn(`${detail}: the host has no default route`, 'see default-route');
  if (odd !== undefined) {
    const others = namesOf(INDEPENDENT);
    return warn(`${detail}: ${odd}`, `${others} can use it: install it, default_rootless_network_cmd chooses it`);
  }
  return bad(detail, `try it by hand, or another one: default_rootless_network_cmd in rnetns.conf`);
}

function closedReleases(): string[] {
  return CONNECTING.flatMap(({ name, program: { closedReleases } }) =>
    closedReleases === undefined ? [] : [`${name} of ${closedReleases} is closed`],
  );
}

function deniedHint(name: DriverName, confinement: string | undefined): string {
  if (confinement === undefined)
    return `see which file it names; sudo dmesg | grep -iE 'apparmor|avc:.*denied' tells if a policy denied it`;
  return confinement.includes(':')
    ? `SELinux may deny it: sudo ausearch -m avc -c ${name}; restorecon -R on the runtime directory, or update the policy of ${name}`
    : `AppArmor may deny it: sudo dmesg | grep 'DENIED.*${name}'; what is missing goes to /etc/apparmor.d/local/, or take another driver`;
}
