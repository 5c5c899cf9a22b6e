import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { CniError } from '../../../src/cni/error.js';
import { findNetwork, loadNetworks, networkDirectories } from '../../../src/cni/load.js';
import { parseNetworkList, parseSinglePlugin } from '../../../src/cni/network-conf.js';
import { cniErrorOf, put, scratch } from '../../fixtures/cni/plugins.js';

const list = (name: string, more: object = {}) =>
  JSON.stringify({ cniVersion: '1.0.0', name, plugins: [{ type: 'bridge', mark: 'inlined' }], ...more });

/** What the plugins of a list say about themselves. */
const marks = (directory: string, name: string) =>
  findNetwork([directory], name).list.plugins.map(({ config }) => config.mark);

describe('cni: network lists from directories', () => {
  it("looks into the user's directory first", () => {
    expect(networkDirectories('/home/ann/.config')).to.deep.equal(['/home/ann/.config/cni/net.d', '/etc/cni/net.d']);
    expect(networkDirectories(undefined)).to.deep.equal(['/etc/cni/net.d']);
    const [mine, system] = [scratch(), scratch()];
    put(join(system, '10-a.conflist'), list('net1'));
    put(join(mine, '99-z.conf'), JSON.stringify({ name: 'net1', type: 'ptp' }));
    expect(findNetwork([mine, system], 'net1').file).to.equal(join(mine, '99-z.conf'));
  });

  it('by the name in the file: .conflist before .conf and .json, each sorted by file name, the first one wins', () => {
    const dir = scratch();
    put(join(dir, '00-a.conf'), JSON.stringify({ name: 'net1', type: 'ptp', mark: 'single' }));
    put(join(dir, '20-b.conflist'), list('net1', { plugins: [{ type: 'bridge', mark: 'second' }] }));
    put(join(dir, '10-net2.conflist'), list('net1'));
    put(join(dir, '05-j.json'), JSON.stringify({ name: 'net3', type: 'ptp', mark: 'json' }));
    put(join(dir, '06-c.conf'), JSON.stringify({ name: 'net3', type: 'ptp', mark: 'conf' }));
    put(join(dir, '99-other.txt'), 'not read');
    mkdirSync(join(dir, 'sub.conflist'));
    expect(marks(dir, 'net1')).to.deep.equal(['inlined']);
    expect(marks(dir, 'net3')).to.deep.equal(['json']);
    const { networks, skipped } = loadNetworks([dir]);
    expect(networks.map(({ list: { name } }) => name)).to.deep.equal(['net1', 'net3']);
    expect(skipped).to.deep.equal([]);
  });

  it('a broken file blocks no other network, and is named when the wanted one is not found', async () => {
    const dir = scratch();
    const broken = put(join(dir, '00-broken.conflist'), '{"name": "net1", ');
    const noType = put(join(dir, '01-no-type.conflist'), list('x', { plugins: [{ type: 'a' }, {}] }));
    const fifo = join(dir, '02-fifo.conflist');
    expect(spawnSync('mkfifo', [fifo]).status).to.equal(0);
    put(join(dir, '10-good.conflist'), list('good'));
    expect(findNetwork([dir], 'good').skipped.map(({ file }) => file)).to.deep.equal([broken, noType, fifo]);
    const error = await cniErrorOf(() => findNetwork([dir], 'net1'));
    expect(error.cniCode).to.equal(7);
    expect(error.message)
      .to.include(`no network configuration with name "net1" in ${dir}; ${broken} cannot be used: no JSON`)
      .and.include(`${noType} cannot be used: plugin 1: missing 'type'`)
      .and.include(`${fifo} cannot be used: not a regular file`);
    expect(error.hint).to.equal('networks that are there: good');
  });

  it('a directory that is missing is empty', async () => {
    const error = await cniErrorOf(() => findNetwork(['/nonexistent/a', '/dev/null/b'], 'net1'));
    expect(error.message).to.equal('no network configuration with name "net1" in /nonexistent/a or /dev/null/b');
  });

  it('appends the plugins of DIRECTORY/NAME/*.conf, and keeps them for DEL', () => {
    const dir = scratch();
    put(join(dir, 'a.conflist'), list('net1'));
    put(join(dir, 'net1/20.conf'), '{"type":"tuning","mark":"20"}');
    put(join(dir, 'net1/10.conf'), '{"type":"portmap","mark":"10","capabilities":{"portMappings":true}}');
    put(join(dir, 'net1/30.json'), '{"type":"tuning","mark":"30"}');
    expect(marks(dir, 'net1')).to.deep.equal(['inlined', '10', '20']);
    const { list: found } = findNetwork([dir], 'net1');
    expect(parseNetworkList(found.source).plugins).to.deep.equal(found.plugins);

    put(join(dir, 'b.conflist'), list('net2', { loadOnlyInlinedPlugins: true }));
    put(join(dir, 'net2/10.conf'), '{"type":"tuning","mark":"10"}');
    expect(marks(dir, 'net2')).to.deep.equal(['inlined']);

    put(join(dir, 'c.conflist'), '{"name":"net3"}');
    put(join(dir, 'net3/10.conf'), '{"type":"tuning","mark":"10"}');
    expect(marks(dir, 'net3')).to.deep.equal(['10']);

    put(join(dir, 'd.conflist'), '{"name":"net4"}');
    expect(loadNetworks([dir]).skipped).to.deep.equal([
      { file: join(dir, 'd.conflist'), reason: 'no plugin configs found', text: '{"name":"net4"}' },
    ]);
  });

  it('takes a single plugin as the list of it', () => {
    const conf = '{"name":"old","cniVersion":"0.3.1","type":"bridge","bridge":"b0"}';
    const found = parseSinglePlugin(conf);
    expect(found.versions).to.deep.equal(['0.3.1']);
    expect(found.plugins).to.deep.equal([{ type: 'bridge', capabilities: [], config: JSON.parse(conf) as object }]);
    expect(parseNetworkList(found.source)).to.deep.equal(found);
  });

  it('cniVersions: newer ones than ours are left out, cniVersion joins them', () => {
    const versions = (more: object) => parseNetworkList(list('n', more)).versions;
    expect(versions({ cniVersion: undefined })).to.deep.equal(['0.1.0']);
    expect(versions({ cniVersion: '1.2.3' })).to.deep.equal(['1.2.3']);
    expect(versions({ cniVersions: ['1.1.0', '0.4.0', '9.9.9'] })).to.deep.equal(['0.4.0', '1.0.0', '1.1.0']);
    expect(versions({ cniVersions: [] })).to.deep.equal(['1.0.0']);
    expect(versions({ cniVersion: '2.0.0', cniVersions: ['3.0.0'] })).to.deep.equal(['2.0.0', '3.0.0']);
  });

  it('disableCheck and disableGC are booleans, or such written as text', () => {
    const { disableCheck, disableGc } = parseNetworkList(list('n', { disableCheck: 'TRUE', disableGC: 'False' }));
    expect([disableCheck, disableGc]).to.deep.equal([true, false]);
    expect(parseNetworkList(list('n', { disableCheck: true })).disableCheck).to.equal(true);
  });

  const REFUSED: [string, RegExp][] = [
    ['[]', /must be an object, not an array/],
    ['null', /must be an object, not null/],
    ['{"plugins":[{"type":"a"}]}', /no name/],
    ['{"name":5,"plugins":[{"type":"a"}]}', /name must be a string, not a number/],
    ['{"name":"../../etc","plugins":[{"type":"a"}]}', /invalid characters found in network name/],
    [list('n', { cniVersion: 1 }), /cniVersion must be a string, not a number/],
    [list('n', { cniVersions: '1.0.0' }), /cniVersions must be an array, not a string/],
    [list('n', { cniVersions: ['1.0.0.0'] }), /cniVersions\[0\] is no version: "1.0.0.0"/],
    [list('n', { cniVersions: [1] }), /cniVersions\[0\] must be a string/],
    [list('n', { disableCheck: 'yes' }), /invalid value "yes" for disableCheck/],
    [list('n', { disableGC: 1 }), /disableGC must be true or false, not a number/],
    [list('n', { plugins: [] }), /no plugins in list/],
    [list('n', { plugins: {} }), /plugins must be an array, not an object/],
    [list('n', { plugins: ['a'] }), /plugin 0: must be an object, not a string/],
    [list('n', { plugins: undefined, loadOnlyInlinedPlugins: 'true' }), /loadOnlyInlinedPlugins is true/],
    [list('n', { plugins: [{ type: 1 }] }), /plugin 0: type must be a string/],
    [list('n', { plugins: [{ type: 'a', capabilities: { mac: 1 } }] }), /capability "mac" must be true or false/],
    [list('n', { plugins: [{ type: 'a', capabilities: [] }] }), /capabilities must be an object, not an array/],
    [list('n', { plugins: [{ type: 'a', ipam: 'dhcp' }] }), /ipam must be an object, not a string/],
    [list('n', { plugins: [{ type: 'a', dns: [] }] }), /dns must be an object/],
    [list('n', { plugins: [{ type: 'a', prevResult: 1 }] }), /prevResult must be an object/],
  ];
  for (const [text, reason] of REFUSED) {
    it(`refuses ${text}`, async () => {
      expect((await cniErrorOf(() => parseNetworkList(text))).message).to.match(reason);
    });
  }

  it('fails with a CniError only, whatever is in a file; a list that it takes comes back from its source', () => {
    const keys = ['name', 'plugins', 'type', 'cniVersion', 'cniVersions', 'disableGC', 'capabilities', '__proto__'];
    const key = fc.oneof(fc.constantFrom(...keys), fc.string());
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.constantFrom<unknown>('n', '1.0.0', 'true', true, null, 0),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 6 }),
      ),
    }));
    const likely = fc.record(
      { name: fc.constant('n'), plugins: fc.array(value), cniVersions: value },
      { requiredKeys: ['name'] },
    );
    const text = fc.oneof(
      fc.string(),
      fc.oneof(value, likely).map((json) => JSON.stringify(json)),
    );
    fc.assert(
      fc.property(text, (source) => {
        for (const parse of [parseNetworkList, parseSinglePlugin]) {
          try {
            const found = parse(source);
            expect(parseNetworkList(found.source)).to.deep.equal(found);
          } catch (error) {
            expect(error).to.be.instanceOf(CniError);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
