import { existsSync, readdirSync } from 'node:fs';
import { expect } from 'chai';
import { addNetwork } from '../../../src/cni/add.js';
import { checkNetwork } from '../../../src/cni/check.js';
import { delNetwork } from '../../../src/cni/del.js';
import { findNetwork, loadNetworks } from '../../../src/cni/load.js';
import { pluginVersions } from '../../../src/cni/plugin-versions.js';
import { readResult } from '../../../src/cni/result.js';
import { CNI_VERSIONS } from '../../../src/cni/version.js';
import { validateNetwork } from '../../../src/cni/validate.js';
import { attachment, cniErrorOf, listOf, PluginBench } from '../../fixtures/cni/plugins.js';
import { requires } from '../../fixtures/requirements.js';

const DIRECTORY = '/usr/lib/cni';
const real = () => new PluginBench({ pluginDirs: [DIRECTORY] });

/** host-local by itself, with its leases in the bench: it needs no namespace. */
const hostLocal = (made: PluginBench, more: object = {}) =>
  listOf(
    [
      {
        type: 'host-local',
        ipam: {
          type: 'host-local',
          dataDir: made.path('leases'),
          ranges: [[{ subnet: '10.89.0.0/24' }], [{ subnet: 'fd72:6e65:746e::/64' }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
    more,
  );

const leases = (made: PluginBench) =>
  existsSync(made.path('leases/net1'))
    ? readdirSync(made.path('leases/net1')).filter((name) => /^(10|fd)/.test(name))
    : [];

describe('cni: the default list', () => {
  it('is one that is loaded without complaint, and all its real plugins speak its version', async function () {
    const { networks, skipped } = loadNetworks(['configs/cni']);
    expect(skipped).to.deep.equal([]);
    expect(networks.map(({ list, file }) => [list.name, file])).to.deep.equal([
      ['rnetns', 'configs/cni/87-rnetns.conflist'],
    ]);
    const { list } = findNetwork(['configs/cni'], 'rnetns');
    expect(list.plugins.map(({ type }) => type)).to.deep.equal(['bridge', 'portmap', 'firewall', 'tuning']);
    requires(this, 'cni-plugins');
    expect(await validateNetwork(real().cni, list)).to.deep.equal({
      version: '1.0.0',
      capabilities: ['ips', 'portMappings', 'mac'],
    });
  });
});

describe('cni: real plugins', () => {
  before(function () {
    requires(this, 'cni-plugins');
  });

  it('each one says which versions it speaks, and they are among ours', async () => {
    const { cni } = real();
    for (const type of readdirSync(DIRECTORY)) {
      const versions = await pluginVersions(cni, type, `${DIRECTORY}/${type}`);
      expect(versions, type).to.include('1.0.0');
      expect(CNI_VERSIONS, type).to.include.members([...versions]);
    }
  });

  it('host-local: an address for each container and none twice, freed by DEL, refused to a second ADD', async () => {
    const made = real();
    const list = hostLocal(made);
    const given = (id: number) => attachment({ containerId: `c${id}`, netns: `/run/netns/c${id}` });
    const ids = [1, 2, 3, 4, 5, 6, 7, 8];
    const results = await Promise.all(ids.map((id) => addNetwork(made.cni, list, given(id))));
    const addresses = results.flatMap((result) => readResult(result, '1.0.0').ips.map(({ address }) => address));
    expect(new Set(addresses).size).to.equal(16);
    expect(leases(made)).to.have.lengthOf(16);
    expect(made.cached()).to.have.lengthOf(8);
    expect((await cniErrorOf(() => addNetwork(made.cni, list, given(1)))).cniCode).to.equal(4);
    await checkNetwork(made.cni, 'net1', given(1), list);
    await Promise.all(ids.map((id) => delNetwork(made.cni, 'net1', given(id), list)));
    expect(leases(made)).to.deep.equal([]);
    expect(made.cached()).to.deep.equal([]);
    await delNetwork(made.cni, 'net1', given(1), list);
    expect(made.warnings).to.deep.equal([]);
  });

  for (const version of CNI_VERSIONS.slice(0, -1)) {
    it(`host-local in ${version}: its result is read, and written as it was`, async () => {
      const made = real();
      const list = hostLocal(made, { cniVersion: version });
      const result = await addNetwork(made.cni, list, attachment());
      expect(result.cniVersion).to.equal(version);
      const { ips, routes } = readResult(result, version);
      expect(ips.map(({ address }) => address)).to.deep.equal(['10.89.0.2/24', 'fd72:6e65:746e::2/64']);
      expect(routes).to.deep.equal([{ dst: '0.0.0.0/0' }]);
      await delNetwork(made.cni, 'net1', attachment(), list);
      expect(leases(made)).to.deep.equal([]);
    });
  }

  it('host-local alone refuses 1.1.0 with code 1; with a choice, 1.0.0 is spoken', async () => {
    const made = real();
    const error = await cniErrorOf(() => addNetwork(made.cni, hostLocal(made, { cniVersion: '1.1.0' }), attachment()));
    expect(error.cniCode).to.equal(1);
    expect(error.message).to.match(
      /^adding eth0 of c1 to network net1 failed on plugin host-local: incompatible CNI versions; config is "1\.1\.0"/,
    );
    const list = hostLocal(made, { cniVersions: ['0.4.0', '1.0.0', '1.1.0'] });
    expect((await addNetwork(made.cni, list, attachment())).cniVersion).to.equal('1.0.0');
  });

  it('a chain that fails after host-local leaves no address', async () => {
    const made = real();
    const { plugins } = hostLocal(made);
    const list = listOf([...plugins.map(({ config }) => config), { type: 'tuning', sysctl: { 'kernel.shmmax': '1' } }]);
    const error = await cniErrorOf(() => addNetwork(made.cni, list, attachment({ netns: '/proc/self/ns/net' })));
    expect(error.message).to.match(/failed on plugin tuning: /);
    expect(leases(made)).to.deep.equal([]);
    expect(made.cached()).to.deep.equal([]);
  });

  it('static: the address of CNI_ARGS, of a capability, and an unknown argument that is refused', async () => {
    const made = real();
    const list = listOf([{ type: 'static', ipam: { type: 'static' }, capabilities: { ips: true } }]);
    const ips = async (more: Parameters<typeof attachment>[0]) => {
      const result = await addNetwork(made.cni, list, attachment(more));
      await delNetwork(made.cni, 'net1', attachment(), list);
      return readResult(result, '1.0.0').ips;
    };
    const args = [['IP', '10.1.0.9/24'] as const, ['GATEWAY', '10.1.0.1'] as const];
    expect(await ips({ args })).to.deep.equal([{ address: '10.1.0.9/24', gateway: '10.1.0.1' }]);
    expect(await ips({ capabilityArgs: { ips: ['10.1.0.8/24'] } })).to.deep.equal([{ address: '10.1.0.8/24' }]);
    const unknown = await cniErrorOf(() => ips({ args: [...args, ['FOO', 'BAR']] }));
    expect([unknown.cniCode, unknown.msg]).to.deep.equal([999, 'ARGS: unknown args ["FOO=BAR"]']);
    expect(await ips({ args: [['IgnoreUnknown', '1'], ...args, ['FOO', 'BAR']] })).to.have.lengthOf(1);
  });
});
