import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { defaultConfig } from '../../../src/config/defaults.js';
import { refusal, Tree } from './tree.js';

describe('rnetns.conf: how it is written', () => {
  let tree: Tree;
  beforeEach(() => (tree = new Tree()));
  afterEach(() => tree.remove());

  it('takes the sample of the contract, comments behind values and all', () => {
    const { config } = tree.loadText(
      [
        '[network]',
        'default_rootless_network_cmd = pasta   ; pasta | slirp4netns | none',
        'pasta_options[] = --mtu',
        'pasta_options[] = 1400',
        'network_backend = netavark             ; netavark | cni',
        'dns_servers[] =',
        'cni_plugin_dirs[] = /usr/lib/cni       ; and /opt/cni/bin',
        '[engine]',
        'network_cmd_path =',
        'network_cmd_options[] = mtu=65520      ; cidr, enable_ipv6',
        'helper_binaries_dir[] = /usr/libexec/podman',
        '[rnetns]',
        'linger = 2                             ; seconds',
        'log_level = warn',
      ].join('\n'),
    );
    expect(config).to.deep.equal({
      network: {
        ...defaultConfig().network,
        defaultRootlessNetworkCmd: 'pasta',
        pastaOptions: ['--mtu', '1400'],
        cniPluginDirs: ['/usr/lib/cni'],
      },
      engine: {
        networkCmdPath: undefined,
        networkCmdOptions: ['mtu=65520'],
        helperBinariesDirs: ['/usr/libexec/podman'],
      },
      rnetns: { lingerSeconds: 2, logLevel: 'warn' },
    });
  });

  const values: [written: string, read: string][] = [
    ['plain', 'plain'],
    ['a b  # comment', 'a b'],
    ['a\\;b\\#c\\\\d', 'a;b#c\\d'],
    ['"a ; b"', 'a ; b'],
    ['"a ; b" ; comment', 'a ; b'],
    ["'a # b' # comment", 'a # b'],
    ['"quote \\" and \\\\"', 'quote " and \\'],
    ["'1400'", '1400'],
    ["'[1]'", '[1]'],
    ['true', 'true'],
    ['null', 'null'],
    ['1400', '1400'],
    ['a=b=c', 'a=b=c'],
    ['[x]', '[x]'],
  ];
  for (const [written, read] of values) {
    it(`reads ${written} as ${read}`, () => {
      const { config } = tree.loadText(`[network]\npasta_options[] = ${written}\n`);
      expect(config.network.pastaOptions).to.deep.equal([read]);
    });
  }

  it('takes CRLF, a byte order mark, a comment behind a header and a section in two parts', () => {
    const text = '\uFEFF[network] ; first\r\ndns_servers[]=192.0.2.1\r\n[rnetns]\r\nlinger=0.5\r\n[network]\r\n';
    const { config } = tree.loadText(text + 'dns_servers[]=fe80::1%eth0\r\n');
    expect(config.network.dnsServers).to.deep.equal(['192.0.2.1', 'fe80::1%eth0']);
    expect(config.rnetns.lingerSeconds).to.equal(0.5);
  });

  it('drops what came before an empty list line', () => {
    const { config } = tree.loadText('[network]\ndns_options[] = a\ndns_options[] =\ndns_options[] = ndots:2\n');
    expect(config.network.dnsOptions).to.deep.equal(['ndots:2']);
  });

  it('takes the driver without regard to case', () => {
    const { config } = tree.loadText('[network]\ndefault_rootless_network_cmd = Slirp4NetNS\n');
    expect(config.network.defaultRootlessNetworkCmd).to.equal('slirp4netns');
  });
});

describe('rnetns.conf: what is refused, with file and line', () => {
  let tree: Tree;
  beforeEach(() => (tree = new Tree()));
  afterEach(() => tree.remove());

  /** [what, text, line, parts of message and hint] */
  const cases: [string, string, number, string[]][] = [
    ['an unknown section', '\n[netwrok]\n', 2, ['"netwrok"', 'did you mean [network]?']],
    ['a section nobody could have meant', '[zzz]', 1, ['"zzz"', 'network, engine, rnetns']],
    ['a nested section', '[network.x]\n', 1, ['"network.x"']],
    ['the section __proto__', '[__proto__]\n', 1, ['"__proto__"']],
    ['a misspelt key', '[network]\n\npasta_option[] = x\n', 3, ['"pasta_option"', 'did you mean pasta_options?']],
    ['a key with - for _', '[rnetns]\nLog-Level = warn\n', 2, ['"Log-Level"', 'did you mean log_level?']],
    ['a key of another section', '[network]\nlinger = 2\n', 2, ['"linger"', 'belongs to [rnetns]']],
    ['a misspelt key of another section', '[network]\nlingr = 2\n', 2, ['did you mean linger in [rnetns]?']],
    ['a key far from all', '[rnetns]\nabcdefgh = 2\n', 2, ['"abcdefgh"', 'linger and log_level']],
    ['the key __proto__', '[network]\n__proto__ = 1\n', 2, ['"__proto__"']],
    ['a key before any section', '; hi\nlinger = 2\n', 2, ['before any [section]', 'belongs to [rnetns]']],
    ['a line that is no setting', '[network]\npasta_options\n', 2, ['"pasta_options" is not understood']],
    ['a header without end', '[network\n', 1, ['"[network" is not understood']],
    ['a list without []', '[network]\ndns_servers = 192.0.2.1\n', 2, ['is a list', 'dns_servers[] = VALUE']],
    ['[] on a single value', '[rnetns]\nlinger[] = 2\n', 2, ['one value', 'linger = VALUE']],
    ['a single value twice', '[rnetns]\nlinger = 2\nlog_level=warn\nlinger = 3\n', 4, ['already on line 2']],
    ['an unknown driver', '[network]\ndefault_rootless_network_cmd = vpnkit\n', 2, ['"vpnkit"', 'pasta, slirp4netns']],
    ['an unknown backend', '[network]\nnetwork_backend = docker\n', 2, ['"docker"', 'netavark or cni']],
    ['an empty backend', '[network]\nnetwork_backend =\n', 2, ['""', 'netavark or cni']],
    ['a name server by name', '[network]\ndns_servers[] = dns.test\n', 2, ['"dns.test"', 'IPv4 or IPv6 address']],
    ['two name servers on a line', '[network]\ndns_servers[] = 192.0.2.1 192.0.2.2\n', 2, ['one IPv4']],
    ['two domains on a line', '[network]\ndns_searches[] = a b\n', 2, ['one word']],
    ['a relative plugin directory', '[network]\ncni_plugin_dirs[] = cni\n', 2, ['"cni"', 'absolute path']],
    ['a relative driver path', '[engine]\nnetwork_cmd_path = pasta\n', 2, ['"pasta"', 'absolute path']],
    ['a relative helper directory', '[engine]\nhelper_binaries_dir[] = ~/bin\n', 2, ['"~/bin"', 'absolute path']],
    ['an option without value', '[engine]\nnetwork_cmd_options[] = mtu\n', 2, ['"mtu"', 'key=value']],
    ['a negative linger', '[rnetns]\nlinger = -1\n', 2, ['"-1"', '0 to 86400']],
    ['a linger with unit', '[rnetns]\nlinger = 2s\n', 2, ['"2s"', 'seconds']],
    ['a linger of more than a day', '[rnetns]\nlinger = 86401\n', 2, ['"86401"']],
    ['a linger of no number', '[rnetns]\nlinger = Infinity\n', 2, ['"Infinity"']],
    ['an unknown log level', '[rnetns]\nlog_level = verbose\n', 2, ['error, warn, info or debug']],
    ['an open quote', '[network]\npasta_options[] = "a\n', 2, ['quotes do not match']],
    ['a wrong escape', '[network]\npasta_options[] = "\\q"\n', 2, ['escape', 'single quotes']],
    ['a newline smuggled in', '[network]\ndns_searches[] = "a\\nnameserver"\n', 2, ['control characters']],
  ];
  for (const [what, text, line, parts] of cases) {
    it(`refuses ${what}`, () => {
      const error = refusal(() => tree.loadText(text));
      expect(error.code).to.equal('ERR_CONFIG');
      expect(error.message).to.contain(`${tree.path('rnetns.conf')}, line ${line}: `);
      for (const part of parts) expect(`${error.message}\n${error.hint ?? ''}`).to.contain(part);
    });
  }

  it('names the line of the item that is wrong, not the first of its list', () => {
    const error = refusal(() => tree.loadText('[network]\ndns_servers[] = 192.0.2.1\n\ndns_servers[] = x\n'));
    expect(error.message).to.contain('line 4');
  });

  it('keeps what came short', () => {
    const error = refusal(() => tree.loadText('x'.repeat(10_000)));
    expect(error.message.length).to.be.below(tree.root.length + 200);
  });
});

describe('configs/rnetns.conf', () => {
  // npm and CI run the tests in the package's directory; the compiled tests lie elsewhere.
  const sample = readFileSync(join(process.cwd(), 'configs/rnetns.conf'), 'utf8');
  const tree = new Tree();
  after(() => tree.remove());

  it('changes nothing as it is', () => {
    const { config, settings } = tree.loadText(sample);
    expect(config).to.deep.equal(defaultConfig());
    expect(settings.every(({ source }) => source === 'built-in')).to.equal(true);
  });

  it('shows every key with its built-in value', () => {
    const { config, settings } = tree.loadText(sample.replace(/^;/gm, ''));
    expect(config).to.deep.equal(defaultConfig());
    expect(settings.filter(({ source }) => source === 'built-in')).to.deep.equal([]);
  });
});
