import { expect } from 'chai';
import fc from 'fast-check';
import { parseRecord, wholePlan } from '../../../src/state/record.js';

const record = {
  version: 1,
  generation: 'g',
  bootId: 'b',
  since: '2026-01-01T00:00:00.000Z',
  netnsInode: 4026532180,
  lingerSeconds: 2,
  plan: {
    driver: {
      name: 'pasta',
      path: '/usr/bin/pasta',
      args: ['-4'],
      readyFd: 1,
      dnsForward: ['169.254.1.1'],
      mapGuest: [],
    },
    idMap: { uid: [[0, 1000, 1]], gid: [[0, 1000, 1]] },
    mounts: [{ type: 'rbind', source: '/a', target: '/b' }],
    resolvConf: { content: '', mountTarget: null },
    directory: '/run/user/1000/rnetns/default',
  },
};

describe('state.json', () => {
  it('comes back as it was written', () => {
    expect(parseRecord(JSON.stringify(record))).to.deep.equal(record);
  });

  it('is refused when torn at any place', () => {
    const text = JSON.stringify(record);
    for (let end = 0; end < text.length; end++) expect(parseRecord(text.slice(0, end))).to.equal(undefined);
  });

  it('of another version is read: what that one adds is passed over, and what it does not write is missing', () => {
    const later = { ...record, limits: { cpus: 2 }, plan: { ...record.plan, ports: [] } };
    expect(wholePlan(parseRecord(JSON.stringify(later)))).to.deep.equal(record.plan);
    const { plan } = record;
    const read = (earlier: object) => parseRecord(JSON.stringify(earlier));
    for (const key of ['since', 'lingerSeconds']) {
      expect(wholePlan(read({ ...record, [key]: undefined })), key).to.deep.equal(plan);
    }
    for (const key of ['readyFd', 'dnsForward', 'mapGuest']) {
      const driver = { ...plan.driver, [key]: undefined };
      const { path } = plan.driver;
      expect(wholePlan(read({ ...record, plan: { ...plan, driver } }))?.driver, key).to.deep.include({
        path,
        readyFd: 1,
      });
    }
    expect(wholePlan(read({ ...record, plan: { ...plan, idMap: undefined } }))).to.deep.equal({ ...plan, idMap: null });
    // Found again by whoever has to know.
    for (const key of ['resolvConf', 'directory']) {
      const earlier = read({ ...record, plan: { ...plan, [key]: undefined } });
      expect(earlier?.generation, key).to.equal('g');
      expect(wholePlan(earlier), key).to.equal(undefined);
    }
  });

  it('is refused when a field has another type, or nobody can tell which namespace it is about', () => {
    const bad: object[] = [
      { ...record, version: 2 },
      { ...record, netnsInode: '4' },
      { ...record, lingerSeconds: null },
      { ...record, lingerSeconds: -1 },
      { ...record, generation: undefined },
      { ...record, plan: null },
      { ...record, plan: { ...record.plan, mounts: [{ type: 'rbind', source: 1, target: '/b' }] } },
      { ...record, plan: { ...record.plan, driver: { ...record.plan.driver, args: [1] } } },
      { ...record, plan: { ...record.plan, driver: { ...record.plan.driver, path: null } } },
    ];
    for (const value of bad) expect(parseRecord(JSON.stringify(value)), JSON.stringify(value)).to.equal(undefined);
  });

  it('never throws, whatever is in the file', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseRecord(text)));
  });
});
