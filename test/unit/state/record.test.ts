import { expect } from 'chai';
import fc from 'fast-check';
import { parseRecord, type Record } from '../../../src/state/record.js';

const record: Record = {
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

  it('is refused when a field has another type or is missing', () => {
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
