import { expect } from 'chai';
import fc from 'fast-check';
import { chooseVersion } from '../../../src/cni/choose-version.js';
import { parseVersionReply } from '../../../src/cni/plugin-versions.js';
import { atLeast, CNI_VERSIONS, compareVersions, parseVersion } from '../../../src/cni/version.js';
import { cniErrorOf } from '../../fixtures/cni/plugins.js';

describe('cni: versions', () => {
  it('are three numbers; what is missing is 0, nothing at all is 0.1.0', () => {
    expect(parseVersion('1.1.0')).to.deep.equal([1, 1, 0]);
    expect(parseVersion('0.4')).to.deep.equal([0, 4, 0]);
    expect(parseVersion('2')).to.deep.equal([2, 0, 0]);
    expect(parseVersion('')).to.deep.equal([0, 1, 0]);
    for (const text of ['1.2.3.4', 'x', '1.x', '1..2', '.1', '1.', ' 1.0.0', '-1.0', '1.0.0-rc1']) {
      expect(parseVersion(text), text).to.equal(undefined);
    }
  });

  it('are compared number by number', () => {
    expect([...CNI_VERSIONS].sort(compareVersions)).to.deep.equal(CNI_VERSIONS);
    expect(compareVersions('0.10.0', '0.9.0')).to.be.above(0);
    expect(compareVersions('0.4', '0.4.0')).to.equal(0);
    expect(compareVersions('nonsense', '0.1.0')).to.be.below(0);
    expect(atLeast('0.3.1', '0.4.0')).to.equal(false);
    expect(atLeast('1.0.0', '0.4.0')).to.equal(true);
  });

  it('compare as a total order, whatever the text', () => {
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.nat(20), { maxLength: 4 }).map((parts) => parts.join('.')),
    );
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).to.equal(0);
      }),
    );
  });

  it('the newest that the list allows and every plugin lists is chosen', async () => {
    const old = { type: 'bridge', versions: ['0.3.1', '0.4.0', '1.0.0'] };
    const picky = { type: 'firewall', versions: ['0.4.0', '1.0.0'] };
    expect(chooseVersion(['0.3.1', '0.4.0', '1.0.0', '1.1.0'], [old, picky])).to.equal('1.0.0');
    expect(chooseVersion(['0.3.1'], [old])).to.equal('0.3.1');
    const error = await cniErrorOf(() => chooseVersion(['0.3.1', '1.1.0'], [old, picky]));
    expect(error.cniCode).to.equal(1);
    expect(error.message).to.equal(
      'incompatible CNI versions; the network allows 0.3.1, 1.1.0; ' +
        'bridge supports 0.3.1, 0.4.0, 1.0.0; firewall supports 0.4.0, 1.0.0',
    );
  });

  it('one that nobody knows, or that is written in another way, is refused before anything runs', async () => {
    for (const version of ['1.2.3', '0.4', '2.0.0']) {
      expect((await cniErrorOf(() => chooseVersion([version], []))).cniCode, version).to.equal(1);
    }
  });

  it('the answer to VERSION is read as libcni does', async () => {
    expect(parseVersionReply('{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0"]}')).to.deep.equal([
      '0.4.0',
      '1.0.0',
    ]);
    expect(parseVersionReply('{"cniVersion":"0.2.0"}')).to.deep.equal(['0.1.0', '0.2.0']);
    for (const text of [
      '',
      'x',
      '[]',
      '{}',
      '{"cniVersion":"1.0.0"}',
      '{"cniVersion":"1.0.0","supportedVersions":[1]}',
    ]) {
      expect((await cniErrorOf(() => parseVersionReply(text))).cniCode, text).to.equal(6);
    }
  });
});
