/** The settings of rnetns, as every other part sees them: complete and valid. */

export const DRIVER_NAMES = ['pasta', 'slirp4netns', 'none'] as const;
export type DriverName = (typeof DRIVER_NAMES)[number];

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const NETWORK_BACKENDS = ['netavark', 'cni'] as const;
export const DNS_FALLBACKS = ['public', 'none'] as const;
export type DnsFallback = (typeof DNS_FALLBACKS)[number];

export type NetworkBackend = (typeof NETWORK_BACKENDS)[number];

export interface Config {
  network: {
    /** undefined: pasta if installed, else slirp4netns. */
    defaultRootlessNetworkCmd: DriverName | undefined;
    pastaOptions: readonly string[];
    /** With `cni`, `/var/lib/cni` is made writable inside. */
    networkBackend: NetworkBackend;
    dnsServers: readonly string[];
    /** What is asked when no name server is left. */
    dnsFallback: DnsFallback;
    dnsSearches: readonly string[];
    dnsOptions: readonly string[];
    cniPluginDirs: readonly string[];
  };
  engine: {
    /** Path of the driver; undefined: looked for in `helperBinariesDirs`, then PATH. */
    networkCmdPath: string | undefined;
    /** `key=value` options for slirp4netns. */
    networkCmdOptions: readonly string[];
    helperBinariesDirs: readonly string[];
  };
  rnetns: {
    /** Seconds between the last lease and the teardown. */
    lingerSeconds: number;
    logLevel: LogLevel;
  };
}

/** Those that resolv.conf inside is made with. */
export type DnsSettings = Pick<Config['network'], 'dnsServers' | 'dnsFallback' | 'dnsSearches' | 'dnsOptions'>;

/** One effective setting and where it came from, as `rnetns config` prints it. */
export interface Setting {
  /** `section.key`, as in the ini file. */
  key: string;
  value: string | number | readonly string[] | null;
  /** A file's path, the name of a variable or flag, or `built-in`. */
  source: string;
}
