import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';

/** It may change while we run, when the driver is another one; but asking for each connection would cost more than that. */
const KEPT_MS = 1000;

let known: { at: number; addresses: Record<4 | 6, string | undefined> } | undefined;

/**
 * By which addresses the namespace that we are in is reached, those of this family first.
 *
 * Its own and not its loopback: what listens on that alone is not published, and no client of another machine seems to come
 * from there (CVE-2021-20199). The first interface is the driver's; bridges come later.
 */
export function ownAddresses(family: 4 | 6): string[] {
  const now = performance.now();
  if (known === undefined || now - known.at > KEPT_MS) known = { at: now, addresses: look() };
  const { addresses } = known;
  return (family === 4 ? [addresses[4], addresses[6]] : [addresses[6], addresses[4]]).filter(
    (address) => address !== undefined,
  );
}

function look(): Record<4 | 6, string | undefined> {
  const found = first();
  if (found[4] !== undefined || found[6] !== undefined) return found;
  // With the driver `none` there is but the loopback: an address on it that no packet from elsewhere can have (RFC 3927, 2.6).
  spawnSync('ip', ['address', 'add', `${FALLBACK}/32`, 'dev', 'lo'], { stdio: 'ignore', timeout: 2000 });
  return first();
}

const FALLBACK = '169.254.77.77';

function first(): Record<4 | 6, string | undefined> {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const usable = all.filter(
    ({ internal, address, family }) =>
      address === FALLBACK || (!internal && !(family === 'IPv6' && /^fe[89ab]/i.test(address))),
  );
  const of = (wanted: string): string | undefined => usable.find(({ family }) => family === wanted)?.address;
  return { 4: of('IPv4'), 6: of('IPv6') };
}
