import { expect } from 'chai';
import { RnetnsError } from '../../../src/errors/error.js';
import { planMounts, type MountFacts } from '../../../src/plan/mounts.js';

const S = '/run/user/1000/rnetns/default/rootless-netns';
const FACTS: MountFacts = {
  stateDir: S,
  runtimeDir: '/run/user/1000',
  resolvConfTarget: '/etc/resolv.conf',
  hasRunSystemd: true,
  networkBackend: 'netavark',
  cni: { exists: false, parent: '/var/lib' },
};
const RUNTIME = { type: 'rbind', source: '/run/user/1000', target: `${S}/run/user/1000` };
const SYSTEMD = { type: 'rbind', source: '/run/systemd', target: `${S}/run/systemd` };
const RESOLVED = { type: 'tmpfs', source: 'tmpfs', target: `${S}/run/systemd/resolve` };
const resolvConf = (target: string): object => ({ type: 'bind', source: `${S}/resolv.conf`, target });
const RUN = { type: 'rbind', source: `${S}/run`, target: '/run' };

describe('plan/mounts', () => {
  for (const [name, facts, expected] of [
    ['a plain resolv.conf', {}, [RUNTIME, SYSTEMD, resolvConf('/etc/resolv.conf'), RUN]],
    ['no systemd', { hasRunSystemd: false }, [RUNTIME, resolvConf('/etc/resolv.conf'), RUN]],
    ['no resolv.conf', { resolvConfTarget: null }, [RUNTIME, SYSTEMD, RUN]],
    [
      "systemd-resolved's: a tmpfs first (podman 10929)",
      { resolvConfTarget: '/run/systemd/resolve/stub-resolv.conf' },
      [RUNTIME, SYSTEMD, RESOLVED, resolvConf(`${S}/run/systemd/resolve/stub-resolv.conf`), RUN],
    ],
    [
      "NetworkManager's: no tmpfs",
      { resolvConfTarget: '/run/NetworkManager/resolv.conf' },
      [RUNTIME, SYSTEMD, resolvConf(`${S}/run/NetworkManager/resolv.conf`), RUN],
    ],
    [
      'below the runtime directory: on the bind of the user’s own file',
      { resolvConfTarget: '/run/user/1000/dns/resolv.conf' },
      [RUNTIME, SYSTEMD, resolvConf(`${S}/run/user/1000/dns/resolv.conf`), RUN],
    ],
    [
      'CNI with its directory',
      { networkBackend: 'cni', cni: { exists: true, parent: '/var/lib' } },
      [
        RUNTIME,
        SYSTEMD,
        resolvConf('/etc/resolv.conf'),
        { type: 'bind', source: `${S}/var/lib/cni`, target: '/var/lib/cni' },
        RUN,
      ],
    ],
    [
      'CNI without: an overlay that hides nothing of /var/lib',
      { networkBackend: 'cni' },
      [
        RUNTIME,
        SYSTEMD,
        resolvConf('/etc/resolv.conf'),
        { type: 'overlay', source: `${S}/var/lib`, target: '/var/lib' },
        RUN,
      ],
    ],
    [
      'CNI on a host with no /var/lib',
      { networkBackend: 'cni', resolvConfTarget: null, cni: { exists: false, parent: '/var/' } },
      [RUNTIME, SYSTEMD, { type: 'overlay', source: `${S}/var`, target: '/var' }, RUN],
    ],
    [
      'a runtime directory outside /run',
      { stateDir: '/tmp/rnetns-7/s', runtimeDir: '/tmp/rnetns-7', resolvConfTarget: null, hasRunSystemd: false },
      [
        { type: 'rbind', source: '/tmp/rnetns-7', target: '/tmp/rnetns-7/s/tmp/rnetns-7' },
        { type: 'rbind', source: '/tmp/rnetns-7/s/run', target: '/run' },
      ],
    ],
  ] as [string, Partial<MountFacts>, object[]][]) {
    it(name, () => expect(planMounts({ ...FACTS, ...facts })).to.deep.equal(expected));
  }

  for (const parent of ['/', '//', '', '/etc', '/var/lib/cni']) {
    it(`never puts an overlay on ${JSON.stringify(parent)}`, () => {
      expect(() => planMounts({ ...FACTS, networkBackend: 'cni', cni: { exists: false, parent } }))
        .to.throw(RnetnsError)
        .with.property('code', 'ERR_MOUNT');
    });
  }
});
