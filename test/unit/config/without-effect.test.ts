import { expect } from 'chai';
import type { DriverName } from '../../../src/config/config.js';
import { settingsWithoutEffect } from '../../../src/config/without-effect.js';
import { Tree } from './tree.js';

const PASTA = '[network]\npasta_options[] = --mtu\npasta_options[] = 1400\n';
const SLIRP = '[engine]\nnetwork_cmd_options[] = mtu=1400\n';

const BESIDE_DOT = [/^dns_searches\[\] = a\.example b\.example of .*: \. beside it/];

const TOLD: [what: string, ini: string, told: Partial<Record<DriverName, RegExp[]>>][] = [
  ['nothing', '', {}],
  [
    'what every driver has',
    '[network]\ndns_servers[] = 192.0.2.1\ndns_searches[] = a.example\n[rnetns]\nlinger = 1\n',
    {},
  ],
  [
    'options of pasta',
    PASTA,
    {
      slirp4netns: [/^pasta_options of .* the driver is slirp4netns/],
      none: [/^pasta_options of .* the driver is none/],
    },
  ],
  [
    'options of slirp4netns',
    SLIRP,
    { pasta: [/^network_cmd_options of .* the driver is pasta/], none: [/^network_cmd_options of .*none/] },
  ],
  [
    'options of both',
    PASTA + SLIRP,
    {
      pasta: [/^network_cmd_options/],
      slirp4netns: [/^pasta_options/],
      none: [/^pasta_options/, /^network_cmd_options/],
    },
  ],
  ['an empty list of each', '[network]\npasta_options[] =\n[engine]\nnetwork_cmd_options[] =\n', {}],
  ['a program for no driver', '[engine]\nnetwork_cmd_path = /opt/pasta\n', { none: [/^network_cmd_path of/] }],
  ['public servers without a way out', '[network]\ndns_fallback = public\n', { none: [/^dns_fallback = public of/] }],
  [
    'a key of slirp4netns twice',
    '[engine]\nnetwork_cmd_options[] = mtu=1400\nnetwork_cmd_options[] = mtu=1500\n',
    {
      pasta: [/^network_cmd_options/],
      slirp4netns: [/^mtu=1400 in network_cmd_options of .*: mtu=1500 follows$/],
      none: [/^network_cmd_options/],
    },
  ],
  [
    'port_handler',
    '[engine]\nnetwork_cmd_options[] = port_handler=slirp4netns\n',
    {
      pasta: [/^network_cmd_options/],
      slirp4netns: [/^port_handler=slirp4netns in network_cmd_options of .*forwards no ports/],
      none: [/^network_cmd_options/],
    },
  ],
  ['no search domain', '[network]\ndns_searches[] = .\n', {}],
  [
    'search domains beside a dot',
    '[network]\ndns_searches[] = a.example\ndns_searches[] = .\ndns_searches[] = b.example\n',
    { pasta: BESIDE_DOT, slirp4netns: BESIDE_DOT, none: BESIDE_DOT },
  ],
];

describe('settingsWithoutEffect', () => {
  let tree: Tree;
  beforeEach(() => (tree = new Tree()));
  afterEach(() => tree.remove());

  const toldBy = (driver: DriverName): string[] => {
    const { config, own } = tree.load();
    return settingsWithoutEffect(config, own, driver);
  };

  for (const [what, ini, told] of TOLD) {
    it(`tells with the file of ${what} in rnetns.conf`, () => {
      const path = tree.write('etc/rnetns/rnetns.conf', ini);
      for (const driver of ['pasta', 'slirp4netns', 'none'] as const) {
        const found = toldBy(driver);
        const expected = told[driver] ?? [];
        expect(found, driver).to.have.lengthOf(expected.length);
        for (const [index, words] of expected.entries())
          expect(found[index]).to.match(words).and.include(` of ${path} `);
      }
    });
  }

  it('tells nothing of containers.conf, which podman reads too', () => {
    const both = `[network]\npasta_options = ["--mtu", "1400"]\n[engine]\nnetwork_cmd_options = ["mtu=1400", "port_handler=slirp4netns"]\nnetwork_cmd_path = "/opt/pasta"\n`;
    tree.write('etc/containers/containers.conf', both);
    for (const driver of ['pasta', 'slirp4netns', 'none'] as const) expect(toldBy(driver)).to.deep.equal([]);
  });

  it('tells of what rnetns.conf sets over containers.conf, by the last file', () => {
    tree.write('etc/containers/containers.conf', '[engine]\nnetwork_cmd_options = ["mtu=1300"]\n');
    tree.write('etc/rnetns/rnetns.conf', SLIRP);
    const last = tree.write('home/.config/rnetns/rnetns.conf', SLIRP);
    expect(toldBy('pasta')).to.have.lengthOf(1);
    expect(toldBy('pasta')[0]).to.include(` of ${last} `);
  });
});
