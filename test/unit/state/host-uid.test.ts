import { expect } from 'chai';
import { mapUid } from '../../../src/state/host-uid.js';

describe('the uid outside of a user namespace', () => {
  it('is the same on the host', () => {
    expect(mapUid('         0          0 4294967295\n', 1001)).to.equal(1001);
  });

  it("is the owner's for root of a rootless namespace", () => {
    expect(mapUid('         0       1001          1\n         1     100000      65536\n', 0)).to.equal(1001);
  });

  it('is a subordinate one for the others', () => {
    expect(mapUid('         0       1001          1\n         1     100000      65536\n', 33)).to.equal(100032);
  });

  it('is kept when the map does not say', () => {
    expect(mapUid('', 65534)).to.equal(65534);
  });
});
