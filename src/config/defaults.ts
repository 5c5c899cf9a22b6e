import type { Config } from './config.js';

/** The built-in settings; a fresh copy, as the layers above it write into it. */
export function defaultConfig(): Config {
  return {
    network: {
      defaultRootlessNetworkCmd: undefined,
      pastaOptions: [],
      networkBackend: 'netavark',
      dnsFallback: 'public',
      dnsServers: [],
      dnsSearches: [],
      dnsOptions: [],
      cniPluginDirs: ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'],
    },
    engine: {
      networkCmdPath: undefined,
      networkCmdOptions: [],
      // Those of containers.conf(5), in its order.
      helperBinariesDirs: [
        '/usr/local/libexec/podman',
        '/usr/local/lib/podman',
        '/usr/libexec/podman',
        '/usr/lib/podman',
      ],
    },
    rnetns: { lingerSeconds: 2, logLevel: 'warn' },
  };
}
