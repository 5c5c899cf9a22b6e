import { expect } from 'chai';
import { defaultConfig } from '../../../src/config/defaults.js';
import { Inputs } from '../../../src/config/inputs.js';
import { refusal, sourceOf, Tree } from './tree.js';

const driver = (name: string) => `[network]\ndefault_rootless_network_cmd = "${name}"\n`;
const options = (array: string) => `[network]\npasta_options = ${array}\n`;

describe('containers.conf: the places', () => {
  let tree: Tree;
  beforeEach(() => (tree = new Tree()));
  afterEach(() => tree.remove());

  it('lets /etc go over /usr/share, drop-ins by name over that, and the home over all', () => {
    const order = [
      'usr/share/containers/containers.conf',
      'etc/containers/containers.conf',
      'etc/containers/containers.conf.d/10-a.conf',
      'etc/containers/containers.conf.d/20-b.conf',
      'home/.config/containers/containers.conf',
      'home/.config/containers/containers.conf.d/x.conf',
    ];
    // Written last to first, so that the order is not that of the file system.
    for (const [index, path] of [...order.entries()].reverse()) tree.write(path, options(`["${index}"]`));
    for (const [index, path] of [...order.entries()].reverse()) {
      const loaded = tree.load();
      expect(loaded.config.network.pastaOptions).to.deep.equal([String(index)]);
      expect(sourceOf(loaded, 'network.pasta_options')).to.equal(tree.path(path));
      tree.write(path, '');
    }
  });

  it('reads only files that end in .conf from a drop-in directory', () => {
    tree.write('etc/containers/containers.conf.d/a.conf.bak', 'not TOML');
    tree.mkdir('etc/containers/containers.conf.d/b.conf');
    expect(tree.load().config).to.deep.equal(defaultConfig());
  });

  it('reads CONTAINERS_CONF instead of all of them, and CONTAINERS_CONF_OVERRIDE after it', () => {
    tree.write('etc/containers/containers.conf', options('["etc"]'));
    const CONTAINERS_CONF = tree.write('own.conf', driver('slirp4netns'));
    const inputs = new Inputs();
    const alone = tree.load({ CONTAINERS_CONF }, { inputs });
    expect(alone.config.network.pastaOptions).to.deep.equal([]);
    expect(alone.config.network.defaultRootlessNetworkCmd).to.equal('slirp4netns');
    expect([...inputs.places.keys()]).not.to.include(tree.path('etc/containers/containers.conf'));

    const CONTAINERS_CONF_OVERRIDE = tree.write('override.conf', driver('none'));
    const both = tree.load({ CONTAINERS_CONF, CONTAINERS_CONF_OVERRIDE });
    expect(both.config.network.defaultRootlessNetworkCmd).to.equal('none');
    const override = tree.load({ CONTAINERS_CONF_OVERRIDE });
    expect(override.config.network.pastaOptions).to.deep.equal(['etc']);
  });

  for (const name of ['CONTAINERS_CONF', 'CONTAINERS_CONF_OVERRIDE']) {
    it(`refuses a missing file of ${name}, and takes an empty one as unset`, () => {
      const error = refusal(() => tree.load({ [name]: tree.path('missing') }));
      expect(error.message).to.contain(tree.path('missing')).and.contain(name);
      expect(tree.load({ [name]: '' }).config).to.deep.equal(defaultConfig());
    });
  }
});

describe('containers.conf: what is read', () => {
  let tree: Tree;
  beforeEach(() => (tree = new Tree()));
  afterEach(() => tree.remove());

  const load = (...texts: string[]) => {
    for (const [index, text] of texts.entries()) {
      tree.write(`etc/containers/containers.conf.d/${index}.conf`, text);
    }
    return tree.load().config;
  };

  it('takes the five keys and leaves the rest to podman', () => {
    const config = load(`
      unknown = 9223372036854775807
      [containers]
      dns_servers = ["none"]
      [network]
      network_backend = ""
      default_rootless_network_cmd = "Pasta"
      pasta_options = ["--mtu", "1400"]
      [engine]
      network_cmd_path = "/usr/bin/pasta"
      network_cmd_options = ["enable_ipv6=true"]
      helper_binaries_dir = ["$BINDIR", "$BINDIR/../libexec", "/opt/podman"]
      [engine.runtimes]
      crun = ["/usr/bin/crun"]
    `);
    expect(config.network).to.deep.equal({
      ...defaultConfig().network,
      defaultRootlessNetworkCmd: 'pasta',
      pastaOptions: ['--mtu', '1400'],
    });
    expect(config.engine).to.deep.equal({
      networkCmdPath: '/usr/bin/pasta',
      networkCmdOptions: ['enable_ipv6=true'],
      helperBinariesDirs: ['/opt/podman'],
    });
  });

  it('adds to a list with {append=true}, for the files after it too', () => {
    // The example of containers.conf(5), "APPENDING TO STRING ARRAYS".
    const files = ['["1"]', '["2"]', '["3", {append=true}]', '["4"]'].map(options);
    expect(load(...files).network.pastaOptions).to.deep.equal(['2', '3', '4']);
    files[3] = options('["4", {append=false}]');
    expect(load(...files).network.pastaOptions).to.deep.equal(['4']);
  });

  it('appends to the built-in list when no file set another', () => {
    const config = load('[engine]\nhelper_binaries_dir = ["/opt/x", {append=true}]\n');
    expect(config.engine.helperBinariesDirs).to.deep.equal([...defaultConfig().engine.helperBinariesDirs, '/opt/x']);
  });

  const wrong: [string, string, number, string[]][] = [
    ['broken TOML', '[network]\n\npasta_options = [\n"a"\nx', 5, []],
    ['a key set twice', '[network]\npasta_options = []\npasta_options = []\n', 3, ['already defined']],
    ['a number for a string', '# x\n[network]\ndefault_rootless_network_cmd = 5\n', 3, ['must be a string']],
    ['a string for an array', options('"--mtu 1400"'), 2, ['"--mtu 1400"', 'must be an array']],
    ['a number in an array', options('["--mtu", 1400]'), 2, ['1400', 'must be a string']],
    ['an unknown attribute', options('["a", {prepend=true}]'), 2, ['{append=true}']],
    ['an attribute of the wrong type', options('["a", {append="yes"}]'), 2, ['{append=true}']],
    ['an unknown driver', driver('vpnkit'), 2, ['"vpnkit"', 'pasta, slirp4netns or none']],
    ['a relative path', '[x]\n[engine]\nnetwork_cmd_path = "bin"\n', 3, ['"bin"', 'absolute']],
    ['a dotted key', 'a = 1\nnetwork.pasta_options = 1\n', 2, ['must be an array']],
    ['an inline table', '\nengine = { network_cmd_path = 1 }\n', 2, ['must be a string']],
    ['a section that is no table', 'a = 1\nnetwork = 1\n', 2, ['must be a table']],
  ];
  for (const [what, text, line, parts] of wrong) {
    it(`refuses ${what}, with file and line`, () => {
      const path = tree.write('etc/containers/containers.conf', text);
      const error = refusal(() => tree.load());
      expect(error.code).to.equal('ERR_CONFIG');
      expect(error.message).to.contain(`${path}, line ${line}: `);
      for (const part of parts) expect(error.message).to.contain(part);
    });
  }
});
