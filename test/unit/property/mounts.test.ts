/** The mounts, for any host: their order is what makes them work (src/plan/mounts.ts). */

import { expect } from 'chai';
import fc from 'fast-check';
import { posix } from 'node:path';
import { RnetnsError } from '../../../src/errors/error.js';
import { parseHelpOptions } from '../../../src/plan/features.js';
import { planMounts, type Mount, type MountFacts } from '../../../src/plan/mounts.js';

const path = fc
  .array(fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}$/), { minLength: 1, maxLength: 4 })
  .map((parts) => `/${parts.join('/')}`);
const facts: fc.Arbitrary<MountFacts> = fc.record({
  stateDir: path.map((base) => `${base}/rnetns/default`),
  runtimeDir: fc.oneof(path, fc.constant('/run/user/1000')),
  resolvConfTarget: fc.oneof(
    fc.constantFrom(
      null,
      '/etc/resolv.conf',
      '/run/systemd/resolve/stub-resolv.conf',
      '/run/NetworkManager/resolv.conf',
    ),
    path,
  ),
  hasRunSystemd: fc.boolean(),
  networkBackend: fc.constantFrom('netavark' as const, 'cni' as const),
  cni: fc.record({ exists: fc.boolean(), parent: fc.constantFrom('/', '/var', '/var/lib', '/var/lib/', '/usr') }),
});

/** undefined when the plan is refused, and only for the one reason that there is. */
function plan(given: MountFacts): Mount[] | undefined {
  try {
    return planMounts(given);
  } catch (error) {
    expect(error).to.be.instanceOf(RnetnsError).and.to.include({ code: 'ERR_MOUNT' });
    expect(given).to.deep.include({ networkBackend: 'cni' });
    expect(['/', '/usr']).to.include(given.cni.parent);
    return undefined;
  }
}

describe('property: planning', () => {
  it('mounts: the same facts give the same plan, with absolute paths and no target twice', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const mounts = plan(given);
        if (mounts === undefined) return;
        expect(planMounts(given)).to.deep.equal(mounts);
        for (const { type, source, target } of mounts) {
          expect(posix.isAbsolute(target) && target === posix.normalize(target), target).to.equal(true);
          expect(type === 'tmpfs' ? source === 'tmpfs' : posix.isAbsolute(source), source).to.equal(true);
        }
        expect(new Set(mounts.map(({ target }) => target)).size).to.equal(mounts.length);
      }),
    );
  });

  it('mounts: the new /run is last, and nothing outside of the state is covered but what has to be', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const mounts = plan(given);
        if (mounts === undefined) return;
        expect(mounts.at(-1)).to.deep.equal({ type: 'rbind', source: `${given.stateDir}/run`, target: '/run' });
        const allowed = ['/run', '/var/lib/cni', '/var/lib', '/var', given.resolvConfTarget];
        for (const { target } of mounts) {
          expect(target.startsWith(`${given.stateDir}/`) || allowed.includes(target), target).to.equal(true);
        }
      }),
    );
  });

  it('mounts: whatever is mounted below another one comes after it', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const targets = (plan(given) ?? []).map(({ target }) => target).filter((target) => target !== '/run');
        targets.forEach((target, index) => {
          for (const later of targets.slice(index + 1))
            expect(target.startsWith(`${later}/`), `${later} over ${target}`).to.equal(false);
        });
      }),
    );
  });

  it('features: any text is read, and every option found stands in it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.stringMatching(/^( {0,3}-[a-z]?,? --[a-z-]{1,9}[ =|,]\w{0,4}\n){1,4}$/),
        ),
        (help) => {
          for (const option of parseHelpOptions(help)) expect(help).to.include(option);
        },
      ),
    );
  });
});
