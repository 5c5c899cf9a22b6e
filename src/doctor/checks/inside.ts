import { findProgram } from '../../exec/find-program.js';
import type { CommandResult } from '../../exec/command.js';
import { tryProgram } from '../../exec/probe.js';
import { check, ok, warn, type Finding } from '../check.js';
import type { Host } from '../host.js';
import { scratchCommand, withoutScratch, wordsOf } from '../scratch.js';

/** What networks of containers need inside; rnetns itself does without. */

const TIMEOUT_MS = 2000;

type Tried<Facts> = { untried: Finding } | { untried?: undefined; facts: Facts };

async function inScratch<Facts>(host: Host, gather: () => Promise<Facts>): Promise<Tried<Facts>> {
  const untried = await withoutScratch(host);
  return untried === undefined ? { facts: await gather() } : { untried };
}

/** iptables locks a file in /run, which is one's own inside. */
const PRIVATE_RUN = ['sh', '-c', 'mount -t tmpfs tmpfs /run && exec "$@"', 'sh'];
const FIREWALLS = { nft: ['list', 'ruleset'], iptables: ['-n', '-L'] } as const;

export const firewall = check('firewall', {
  gather: async (host: Host) =>
    inScratch(host, async () =>
      Promise.all(
        Object.entries(FIREWALLS).map(async ([name, args]) => {
          const path = findProgram(name, host.path);
          const { env } = host;
          const command = [...scratchCommand(host.ownUserns, ['net', 'mount']), ...PRIVATE_RUN, path ?? '', ...args];
          return {
            name,
            result: path === undefined ? undefined : await tryProgram(command, { env, timeoutMs: TIMEOUT_MS }),
          };
        }),
      ),
    ),
  judge: (tried) => tried.untried ?? judgeFirewall(tried.facts),
});

function judgeFirewall(all: { name: string; result: CommandResult | undefined }[]): Finding {
  const broken = all.filter(({ result }) => result !== undefined && result.status !== 0);
  if (broken.length > 0) {
    const words = broken.map(({ name, result }) => `${name} failed: ${result === undefined ? '' : wordsOf(result)}`);
    return warn(
      words.join('; '),
      'sudo modprobe nf_tables, and for the old iptables: sudo modprobe ip_tables iptable_nat',
    );
  }
  const missing = all.filter(({ result }) => result === undefined).map(({ name }) => name);
  if (missing.length > 0) {
    const need = missing.includes('iptables') ? 'CNI plugins need iptables' : 'netavark needs nft';
    return warn(
      `not installed: ${missing.join(' ')}; ${missing.length > 1 ? 'networks of containers need them' : need}`,
      `sudo apt-get install ${missing.map((name) => (name === 'nft' ? 'nftables' : name)).join(' ')}`,
    );
  }
  return ok('nft and iptables work');
}

/** Its own value again. By cat(1), for a sysctl can't be read byte by byte, as sh's read does. */
const WRITE = 'value=$(cat -- "$1") && echo "$value" >"$1"';
const SYSCTL = '/proc/sys/net/ipv4/ip_forward';

export const procSys = check('proc-sys', {
  gather: async (host: Host) =>
    inScratch(host, async () => {
      const command = [...scratchCommand(host.ownUserns, ['net']), 'sh', '-c', WRITE, 'sh', SYSCTL];
      return tryProgram(command, { env: host.env, timeoutMs: TIMEOUT_MS });
    }),
  judge(tried) {
    if (tried.untried !== undefined) return tried.untried;
    if (tried.facts.status === 0) return ok('sysctls of a network namespace can be written');
    return warn(
      `${SYSCTL} can't be written: ${wordsOf(tried.facts)}; bridges of containers need that`,
      'in a container: docker run --security-opt systempaths=unconfined, podman run --security-opt unmask=/proc/sys, in Kubernetes procMount: Unmasked',
    );
  },
});
