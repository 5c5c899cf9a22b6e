import { expect } from 'chai';
import { judge as judgeDriver, type Facts as DriverFacts } from '../../../src/doctor/checks/drivers.js';
import { judge as judgeKernel } from '../../../src/doctor/checks/kernel.js';
import { judge as judgePorts } from '../../../src/doctor/checks/ports.js';
import { judge as judgeSubids, type Facts as SubidFacts } from '../../../src/doctor/checks/subordinate-ids.js';
import { RnetnsError } from '../../../src/errors/error.js';

describe('doctor judges a kernel', () => {
  for (const [version, status] of [
    ['2.6.32-754.el6', 'fail'],
    ['3.8.13', 'fail'],
    ['3.9.0', 'fail'],
    ['3.18.140', 'fail'],
    ['3.19.0', 'warn'],
    ['4.18.0-553.el8', 'warn'],
    ['5.10.0-28-amd64', 'warn'],
    ['5.11', 'ok'],
    ['6.1.0-18-amd64', 'ok'],
    ['10.0.1', 'ok'],
    ['FreeBSD', 'warn'],
  ] as const) {
    it(`${version}: ${status}`, () => {
      expect(judgeKernel(version)).to.include({ status });
      expect(judgeKernel(version).detail).to.include(version);
    });
  }

  it('names /proc/net below 3.9 only', () => {
    expect(judgeKernel('3.8.13').detail).to.include('/proc/net');
    expect(judgeKernel('3.9.0').detail).not.to.include('/proc/net');
  });
});

describe('doctor judges subordinate ids', () => {
  const facts = (more: Partial<SubidFacts>): SubidFacts => ({
    user: 'ann',
    uid: 1000,
    own: false,
    source: undefined,
    files: (['uid', 'gid'] as const).map((kind) => ({ kind, text: 'ann:100000:65536\n', service: undefined })),
    ...more,
  });

  it('of a directory service', () => {
    const service = { ranges: [{ start: 500_000, count: 65_536 }], words: '' };
    const files = (['uid', 'gid'] as const).map((kind) => ({ kind, text: undefined, service }));
    expect(judgeSubids(facts({ source: 'sss', files }))).to.deep.equal({
      status: 'ok',
      detail: '65536 uids, 65536 gids from sss',
      hint: null,
    });
  });

  it('of a uid without a name', () => {
    const files = (['uid', 'gid'] as const).map((kind) => ({ kind, text: undefined, service: undefined }));
    const { status, detail, hint } = judgeSubids(facts({ user: '', uid: 4711, files }));
    expect(status).to.equal('warn');
    expect(detail).to.include('none for uid 4711 in /etc/subuid and /etc/subgid');
    expect(hint).to.include('/etc/passwd');
  });

  it('takes two lines of the same user, by name and by uid, for no overlap', () => {
    const files = (['uid', 'gid'] as const).map((kind) => ({
      kind,
      text: 'ann:100000:65536\n1000:100000:65536\n',
      service: undefined,
    }));
    expect(judgeSubids(facts({ files }))).to.include({ status: 'ok' });
  });
});

describe('doctor judges what can be published', () => {
  const facts = { refused: undefined, firstUnprivileged: 1024, openFiles: 1_048_576 };

  it('says by what, from which port on, and how many', () => {
    const { status, detail, hint } = judgePorts(facts);
    expect({ status, hint }).to.deep.equal({ status: 'ok', hint: null });
    expect(detail).to.include('by rnetns itself').and.include('from port 1024 on').and.include('1048512 ports');
    expect(judgePorts({ ...facts, openFiles: Infinity }).detail).not.to.include('at most');
  });

  it('warns where not even the loopback has one', () => {
    for (const refused of ['EADDRNOTAVAIL', 'EPERM']) {
      const { status, detail, hint } = judgePorts({ ...facts, refused });
      expect(status).to.equal('warn');
      expect(detail).to.include(refused);
      expect(hint).to.be.a('string');
    }
  });
});

describe('doctor judges a driver', () => {
  const started = { path: '/usr/bin/pasta', version: 'pasta 1', ready: true, words: 'runs', confinement: undefined };
  const facts = (more: Partial<DriverFacts>): DriverFacts => ({
    name: 'pasta',
    chosen: 'pasta',
    wanted: true,
    trial: started,
    online: true,
    tun: undefined,
    ...more,
  });
  const denied = { ...started, ready: false, words: 'exited with status 1: netns dir open: Permission denied' };

  it('that runs confined', () => {
    const trial = { ...started, confinement: 'pasta (enforce)' };
    expect(judgeDriver(facts({ trial }))).to.include({ status: 'ok' });
    expect(judgeDriver(facts({ trial })).detail).to.include('confined as pasta (enforce)');
  });

  it('that AppArmor or SELinux may have denied something: each has its own advice', () => {
    const hint = (confinement: string | undefined) => judgeDriver(facts({ trial: { ...denied, confinement } })).hint;
    expect(hint('pasta (enforce)')).to.match(/AppArmor.*DENIED.*pasta.*\/etc\/apparmor\.d\/local/);
    expect(hint('unconfined_u:unconfined_r:pasta_t:s0')).to.match(/SELinux.*ausearch -m avc -c pasta/);
    expect(hint(undefined)).to.match(/dmesg/);
  });

  it('that is not the one in use: it can only warn', () => {
    const other = { chosen: 'slirp4netns', wanted: false } as const;
    expect(judgeDriver(facts({ ...other, trial: denied }))).to.include({ status: 'warn' });
    expect(judgeDriver(facts({ ...other, trial: new RnetnsError('ERR_DRIVER', 'too old') }))).to.include({
      status: 'warn',
    });
    expect(judgeDriver(facts({ ...other, trial: undefined }))).to.include({ status: 'ok' });
    expect(judgeDriver(facts({ trial: denied }))).to.include({ status: 'fail' });
  });

  it('that no host without a route can start: that is named first', () => {
    const trial = { ...started, ready: false, words: 'exited with status 1: no interface' };
    expect(judgeDriver(facts({ trial, online: false }))).to.include({ status: 'warn', hint: 'see default-route' });
    expect(judgeDriver(facts({ trial }))).to.include({ status: 'fail' });
  });
});
