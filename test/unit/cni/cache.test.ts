import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { AttachmentCache, type CachedAttachment, parseCached } from '../../../src/cni/cache.js';
import { attachment, cniErrorOf, put, RESULT, scratch } from '../../fixtures/cni/plugins.js';

const cached = (more: Partial<CachedAttachment> = {}): CachedAttachment => ({
  ...attachment(),
  network: 'net1',
  config: '{"name":"net1"}\n',
  result: RESULT,
  ...more,
});

describe('cni: the cache', () => {
  it("has libcni's file, with its keys in its order, for the owner alone", () => {
    const dir = scratch();
    const full = cached({ args: [['IgnoreUnknown', '1']], capabilityArgs: { portMappings: [{ hostPort: 8085 }] } });
    new AttachmentCache(join(dir, 'cni')).write(full);
    const file = join(dir, 'cni/results/net1-c1-eth0');
    expect(readFileSync(file, 'utf8')).to.equal(
      `{"kind":"cniCacheV1","containerId":"c1","config":"${Buffer.from(full.config).toString('base64')}",` +
        `"ifName":"eth0","networkName":"net1","netns":"/run/netns/c1","cniArgs":[["IgnoreUnknown","1"]],` +
        `"capabilityArgs":{"portMappings":[{"hostPort":8085}]},"result":${JSON.stringify(RESULT)}}`,
    );
    expect((statSync(file).mode & 0o777).toString(8)).to.equal('600');
    expect((statSync(join(dir, 'cni/results')).mode & 0o777).toString(8)).to.equal('700');
    expect(readdirSync(join(dir, 'cni'))).to.deep.equal(['results']);
  });

  it('leaves out what is empty, and reads files without it', () => {
    const dir = scratch();
    const cache = new AttachmentCache(dir);
    const bare = cached({ netns: '', result: undefined });
    cache.write(bare);
    const written = JSON.parse(readFileSync(join(dir, 'results/net1-c1-eth0'), 'utf8')) as object;
    expect(Object.keys(written)).to.deep.equal(['kind', 'containerId', 'config', 'ifName', 'networkName']);
    expect(cache.read('net1', attachment())).to.deep.equal(bare);
  });

  it("reads a file of podman 4.3.1's libcni, which has no netns", () => {
    const dir = scratch();
    put(
      join(dir, 'results/net1-c1-eth0'),
      '{"kind":"cniCacheV1","containerId":"c1","config":"e30=","ifName":"eth0","networkName":"net1",' +
        '"cniArgs":[["IgnoreUnknown","1"],["K8S_POD_NAME","t1"]],"result":{"cniVersion":"0.4.0","dns":{}}}',
    );
    expect(new AttachmentCache(dir).read('net1', attachment())).to.deep.equal({
      ...cached({ netns: '', config: '{}', result: { cniVersion: '0.4.0', dns: {} } }),
      args: [
        ['IgnoreUnknown', '1'],
        ['K8S_POD_NAME', 't1'],
      ],
    });
  });

  it('reads a bare result of old; damage is an error, nothing there is none', async () => {
    const dir = scratch();
    const cache = new AttachmentCache(dir);
    expect(cache.read('net1', attachment())).to.equal(undefined);
    expect(cache.list()).to.deep.equal([]);
    const file = put(join(dir, 'results/net1-c1-eth0'), JSON.stringify(RESULT));
    expect(cache.read('net1', attachment())).to.deep.include({ config: '', result: RESULT });
    const other = { ...RESULT, kind: 'other' };
    writeFileSync(file, JSON.stringify(other));
    expect(cache.read('net1', attachment())).to.deep.include({ config: '', result: other });
    for (const text of ['', '{', '[]', '{"kind":"cniCacheV1"}']) {
      writeFileSync(file, text);
      expect((await cniErrorOf(() => cache.read('net1', attachment()))).message, text).to.equal(
        `the cached attachment ${file} is damaged`,
      );
      expect(cache.list()).to.deep.equal([]);
    }
    cache.remove('net1', attachment());
    expect(readdirSync(join(dir, 'results'))).to.deep.equal([]);
    cache.remove('net1', attachment());
  });

  it('trusts the fields, not the name: a and b-c make the same one as a-b and c', () => {
    const cache = new AttachmentCache(scratch());
    const other = cached({ network: 'a-b', containerId: 'c' });
    cache.write(other);
    const mine = attachment({ containerId: 'b-c' });
    expect(cache.read('a', mine)).to.equal(undefined);
    expect(cache.isFree('a', mine)).to.equal(false);
    expect(cache.isFree('a-b', other)).to.equal(true);
    cache.remove('a', mine);
    expect(cache.list()).to.deep.equal([other]);
    cache.remove('a-b', other);
    expect(cache.list()).to.deep.equal([]);
  });

  it('lists by file name, and skips what is none of its files', () => {
    const dir = scratch();
    const cache = new AttachmentCache(dir);
    const all = ['c2', 'c10', 'c1'].map((containerId) => cached({ containerId }));
    all.forEach((one) => cache.write(one));
    mkdirSync(join(dir, 'results/aa'));
    put(join(dir, 'results/zz'), 'no JSON');
    expect(cache.list().map(({ containerId }) => containerId)).to.deep.equal(['c1', 'c10', 'c2']);
  });

  it('that cannot be written says where and why', async () => {
    const dir = scratch();
    put(join(dir, 'results'), 'a file');
    const error = await cniErrorOf(() => new AttachmentCache(dir).write(cached()));
    expect(error.cniCode).to.equal(5);
    expect(error.message).to.include('cannot cache the attachment: ').and.include(`${dir}/results`);
  });

  it('comes back as it was written, and never throws on what is in a file', () => {
    const dir = scratch();
    const cache = new AttachmentCache(dir);
    const arbitrary = fc.record({
      config: fc.string({ minLength: 1, unit: 'grapheme' }),
      args: fc.array(fc.tuple(fc.string(), fc.string())),
      capabilityArgs: fc.dictionary(fc.string(), fc.jsonValue()),
      result: fc.option(fc.dictionary(fc.string(), fc.jsonValue()), { nil: undefined }),
    });
    fc.assert(
      fc.property(arbitrary, (more) => {
        const one = cached(JSON.parse(JSON.stringify(more)) as Partial<CachedAttachment>);
        cache.write(one);
        expect(JSON.stringify(cache.read('net1', one)?.result)).to.equal(JSON.stringify(one.result));
        expect(cache.read('net1', one)).to.deep.equal(one);
      }),
      { numRuns: 50 },
    );
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseCached(text)));
  });
});
