import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { relative } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { RnetnsError } from '../../../src/errors/error.js';
import { defaultConfig } from '../../../src/config/defaults.js';
import { Inputs } from '../../../src/config/inputs.js';
import { refusal, sourceOf, Tree } from './tree.js';

const HOME_CONF = 'home/.config/rnetns/rnetns.conf';

describe('loadConfig: the layers', () => {
  let tree: Tree;
  beforeEach(() => (tree = new Tree()));
  afterEach(() => tree.remove());

  it('gives the built-in values when no file is there', () => {
    const { config, settings } = tree.load();
    expect(config).to.deep.equal(defaultConfig());
    expect(config.rnetns).to.deep.equal({ lingerSeconds: 2, logLevel: 'warn' });
    expect(new Set(settings.map(({ source }) => source))).to.deep.equal(new Set(['built-in']));
  });

  it('lists every key once, by section', () => {
    expect(tree.load().settings.map(({ key }) => key)).to.deep.equal([
      'network.default_rootless_network_cmd',
      'network.pasta_options',
      'network.network_backend',
      'network.dns_fallback',
      'network.dns_servers',
      'network.dns_searches',
      'network.dns_options',
      'network.cni_plugin_dirs',
      'engine.network_cmd_path',
      'engine.network_cmd_options',
      'engine.helper_binaries_dir',
      'rnetns.linger',
      'rnetns.log_level',
    ]);
  });

  it('shows an unset driver and path as null', () => {
    const values = Object.fromEntries(tree.load().settings.map(({ key, value }) => [key, value]));
    expect(values['network.default_rootless_network_cmd']).to.equal(null);
    expect(values['engine.network_cmd_path']).to.equal(null);
  });

  it('lays each file over the one before and names the last one as the source', () => {
    const set = (linger: number) => `[rnetns]\nlinger = ${linger}\n`;
    const etc = tree.write('etc/rnetns/rnetns.conf', set(3) + '[engine]\nnetwork_cmd_path = /opt/pasta\n');
    expect(tree.load().config.rnetns.lingerSeconds).to.equal(3);

    const home = tree.write(HOME_CONF, set(4));
    expect(tree.load().config.rnetns.lingerSeconds).to.equal(4);

    const variable = tree.write('variable.conf', set(5));
    expect(tree.load({ RNETNS_CONFIG: variable }).config.rnetns.lingerSeconds).to.equal(5);

    const flag = tree.write('flag.conf', set(6));
    const loaded = tree.load({ RNETNS_CONFIG: variable }, { configFile: flag });
    expect(loaded.config.rnetns.lingerSeconds).to.equal(6);
    expect(sourceOf(loaded, 'rnetns.linger')).to.equal(flag);
    expect(sourceOf(loaded, 'engine.network_cmd_path')).to.equal(etc);
    expect(sourceOf(tree.load(), 'rnetns.linger')).to.equal(home);
  });

  it('lays rnetns.conf over containers.conf, key by key', () => {
    const containers = tree.write(
      'etc/containers/containers.conf',
      '[network]\ndefault_rootless_network_cmd = "slirp4netns"\npasta_options = ["--mtu", "1400"]\n',
    );
    const rnetns = tree.write('etc/rnetns/rnetns.conf', '[network]\ndefault_rootless_network_cmd = pasta\n');
    const loaded = tree.load();
    expect(loaded.config.network.defaultRootlessNetworkCmd).to.equal('pasta');
    expect(loaded.config.network.pastaOptions).to.deep.equal(['--mtu', '1400']);
    expect(sourceOf(loaded, 'network.default_rootless_network_cmd')).to.equal(rnetns);
    expect(sourceOf(loaded, 'network.pasta_options')).to.equal(containers);
  });

  it('replaces a list of a lower file instead of adding to it, and an empty line empties it', () => {
    tree.write('etc/rnetns/rnetns.conf', '[network]\ndns_servers[] = 192.0.2.1\ndns_servers[] = 192.0.2.2\n');
    tree.write(HOME_CONF, '[network]\ndns_servers[] = 192.0.2.3\ncni_plugin_dirs[] =\n');
    const { network } = tree.load().config;
    expect(network.dnsServers).to.deep.equal(['192.0.2.3']);
    expect(network.cniPluginDirs).to.deep.equal([]);
  });

  it('takes an empty value for a driver or path as "not set", over a lower file', () => {
    tree.write(
      'etc/rnetns/rnetns.conf',
      '[network]\ndefault_rootless_network_cmd = pasta\n[engine]\nnetwork_cmd_path=/x\n',
    );
    tree.write(HOME_CONF, '[network]\ndefault_rootless_network_cmd =\n[engine]\nnetwork_cmd_path =\n');
    const { config } = tree.load();
    expect(config.network.defaultRootlessNetworkCmd).to.equal(undefined);
    expect(config.engine.networkCmdPath).to.equal(undefined);
  });

  it('lets RNETNS_LOG_LEVEL go over the files and --log-level over both', () => {
    tree.write('etc/rnetns/rnetns.conf', '[rnetns]\nlog_level = error\n');
    const env = { RNETNS_LOG_LEVEL: 'info' };
    expect(tree.load({ RNETNS_LOG_LEVEL: '' }).config.rnetns.logLevel).to.equal('error');
    expect(tree.load(env).config.rnetns.logLevel).to.equal('info');
    expect(sourceOf(tree.load(env), 'rnetns.log_level')).to.equal('RNETNS_LOG_LEVEL');
    const loaded = tree.load(env, { logLevel: 'debug' });
    expect(loaded.config.rnetns.logLevel).to.equal('debug');
    expect(sourceOf(loaded, 'rnetns.log_level')).to.equal('--log-level');
  });

  it('names the variable or flag of a wrong log level and what would be right', () => {
    const variable = refusal(() => tree.load({ RNETNS_LOG_LEVEL: 'loud' }));
    expect(variable.code).to.equal('ERR_CONFIG');
    expect(variable.message).to.contain('RNETNS_LOG_LEVEL').and.contain('"loud"').and.contain('warn, info or debug');
    const flag = refusal(() => tree.load({}, { logLevel: 'loud' }));
    expect(flag.code).to.equal('ERR_USAGE');
    expect(flag.message).to.contain('--log-level');
  });

  it('looks into XDG_CONFIG_HOME instead of ~/.config, unless it is empty or relative', () => {
    tree.write(HOME_CONF, '[rnetns]\nlinger = 4\n');
    tree.write('xdg/rnetns/rnetns.conf', '[rnetns]\nlinger = 9\n');
    const linger = (dir: string) => tree.load({ XDG_CONFIG_HOME: dir }).config.rnetns.lingerSeconds;
    expect(linger(tree.path('xdg'))).to.equal(9);
    expect(linger('')).to.equal(4);
    expect(linger('relative')).to.equal(4);
  });

  it('does without the files of the user when there is no home, or none that is a directory', () => {
    expect(tree.load({ HOME: '' }).config).to.deep.equal(defaultConfig());
    expect(tree.load({ HOME: '/dev/null' }).config).to.deep.equal(defaultConfig());
  });

  it('gives a fresh Config on every call', () => {
    tree.load().config.rnetns.lingerSeconds = 99;
    expect(tree.load().config.rnetns.lingerSeconds).to.equal(2);
  });
});

describe('loadConfig: the files themselves', () => {
  let tree: Tree;
  beforeEach(() => (tree = new Tree()));
  afterEach(() => tree.remove());

  it('reports every path it looked at, missing ones too', () => {
    tree.write('etc/containers/containers.conf.d/a.conf', '');
    const inputs = new Inputs();
    tree.load({}, { configFile: tree.write('own.conf', ''), inputs });
    expect([...inputs.places.keys()]).to.deep.equal(
      [
        'usr/share/containers/containers.conf',
        'etc/containers/containers.conf',
        'etc/containers/containers.conf.d',
        'etc/containers/containers.conf.d/a.conf',
        'home/.config/containers/containers.conf',
        'home/.config/containers/containers.conf.d',
        'etc/rnetns/rnetns.conf',
        HOME_CONF,
        'own.conf',
      ].map((path) => tree.path(path)),
    );
  });

  it('refuses a missing --config or RNETNS_CONFIG file and says which of the two named it', () => {
    const missing = tree.path('missing.conf');
    const flag = refusal(() => tree.load({}, { configFile: missing }));
    expect(flag.code).to.equal('ERR_CONFIG');
    expect(flag.message).to.contain(missing).and.contain('--config').and.contain('no such file');
    expect(refusal(() => tree.load({ RNETNS_CONFIG: missing })).message).to.contain('RNETNS_CONFIG');
    expect(refusal(() => tree.load({}, { configFile: '' })).message).to.contain('"" (--config)');
  });

  it('takes an empty RNETNS_CONFIG as unset, and /dev/null as an empty file', () => {
    expect(tree.load({ RNETNS_CONFIG: '' }).config).to.deep.equal(defaultConfig());
    expect(tree.load({ RNETNS_CONFIG: '/dev/null', CONTAINERS_CONF: '/dev/null' }).config).to.deep.equal(
      defaultConfig(),
    );
  });

  it('makes a relative --config path absolute in source and inputs, and that is no plan to keep', () => {
    const path = tree.write('own.conf', '[rnetns]\nlinger = 1\n');
    const inputs = new Inputs();
    const loaded = tree.load({}, { configFile: relative(process.cwd(), path), inputs });
    expect(sourceOf(loaded, 'rnetns.linger')).to.equal(path);
    expect([...inputs.places.keys()]).to.include(path);
    expect(inputs.unkeepable).to.include('depends on the current directory');
  });

  for (const path of ['etc/rnetns/rnetns.conf', 'etc/containers/containers.conf', HOME_CONF]) {
    it(`refuses a directory in the place of ${path}`, () => {
      tree.mkdir(path);
      const error = refusal(() => tree.load());
      expect(error.code).to.equal('ERR_CONFIG');
      expect(error.message).to.contain(tree.path(path)).and.contain('directory');
    });
  }

  it('goes on without a standard file that it may not read, and warns', function () {
    if (process.geteuid?.() === 0) this.skip(); // root may read everything
    const path = tree.write('etc/rnetns/rnetns.conf', '');
    chmodSync(path, 0);
    expect(tree.load().warnings).to.deep.equal([`no settings were read from ${path}: permission denied (EACCES)`]);
  });

  it('loads neither parser when there is no file', () => {
    const load = new URL('../../../src/config/load.js', import.meta.url).href;
    const script = `
      import { createRequire } from 'node:module';
      const { loadConfig } = await import(${JSON.stringify(load)});
      loadConfig({ env: {}, root: ${JSON.stringify(tree.root)} });
      console.log(JSON.stringify(Object.keys(createRequire(${JSON.stringify(load)}).cache)));`;
    const loaded = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(JSON.parse(loaded)).to.deep.equal([]);
  });
});

describe('loadConfig: any text at all', () => {
  const tree = new Tree();
  after(() => tree.remove());

  const words = fc.constantFrom(
    ...['[', ']', '=', ' = ', '[]', '"', "'", '\\', ';', '#', '\n', '\r\n', '{', '}', ',', '.', 'true', 'null', '1e9'],
    ...['[network]\n', '[engine]\n', '[rnetns]\n', '__proto__', 'constructor', 'pasta_options', 'dns_servers[] = '],
    ...[
      'linger = ',
      'network_cmd_path = ',
      'helper_binaries_dir',
      '{append=true}',
      '"""',
      '1979-05-27',
      '\uFEFF',
      '\0',
    ],
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.oneof(words, fc.string({ maxLength: 4 })), { maxLength: 30 }).map((parts) => parts.join('')),
  );

  const onlyRefuses = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      if (!(error instanceof RnetnsError)) throw error;
      expect(error.code).to.equal('ERR_CONFIG');
      expect(error.message.split('\n')).to.have.lengthOf(1);
    }
  };

  it('is read or refused with one line as rnetns.conf', () => {
    fc.assert(
      fc.property(text, (any) => onlyRefuses(() => tree.loadText(any))),
      { numRuns: 500 },
    );
  });

  it('is read or refused with one line as containers.conf', () => {
    const load = (any: string) => tree.load({ CONTAINERS_CONF: tree.write('containers.conf', any) });
    fc.assert(
      fc.property(text, (any) => onlyRefuses(() => load(any))),
      { numRuns: 500 },
    );
  });

  it('leaves Object.prototype alone', () => {
    onlyRefuses(() => tree.loadText('[__proto__]\npolluted = 1\n'));
    onlyRefuses(() => tree.loadText('[network]\n__proto__[] = 1\n'));
    onlyRefuses(() => tree.load({ CONTAINERS_CONF: tree.write('containers.conf', '[__proto__]\npolluted = 1\n') }));
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
  });
});
