/**
 * What was written for rnetns and has no effect: a setting is followed, refused or told of, and never dropped in silence.
 *
 * It counts who wrote it. The keys of containers.conf(5) are podman's, where options for the driver that isn't used are
 * normal; in rnetns.conf somebody meant rnetns with them.
 */
import type { Config, DriverName } from './config.js';

/** By `section.key`: the rnetns.conf that the setting in effect is from. */
export type OwnSources = ReadonlyMap<string, string>;

/** A sentence for each, without its end. */
export function settingsWithoutEffect({ network, engine }: Config, own: OwnSources, driver: DriverName): string[] {
  const told: string[] = [];
  const tell = (key: string, what: string, why: string, isSet = true): void => {
    const source = own.get(key);
    if (source !== undefined && isSet) told.push(`${what} of ${source} has no effect: ${why}`);
  };
  const other = `the driver is ${driver}; default_rootless_network_cmd chooses another`;
  const options = engine.networkCmdOptions;

  if (driver !== 'pasta') tell('network.pasta_options', 'pasta_options', other, network.pastaOptions.length > 0);
  if (driver !== 'slirp4netns') tell('engine.network_cmd_options', 'network_cmd_options', other, options.length > 0);
  else {
    const keys = options.map((option) => option.split('=', 1)[0] ?? '');
    for (const [index, option] of options.entries()) {
      const key = keys[index] ?? '';
      const last = keys.lastIndexOf(key);
      if (last !== index) {
        tell('engine.network_cmd_options', `${option} in network_cmd_options`, `${options[last] ?? ''} follows`);
      } else if (key === 'port_handler') {
        const why = 'the shared namespace forwards no ports by itself';
        tell('engine.network_cmd_options', `${option} in network_cmd_options`, why);
      }
    }
  }
  if (driver === 'none') {
    tell('engine.network_cmd_path', 'network_cmd_path', other, engine.networkCmdPath !== undefined);
    tell('network.dns_fallback', 'dns_fallback = public', other, network.dnsFallback === 'public');
  }
  const searches = network.dnsSearches.filter((search) => search !== '.');
  const isUnset = searches.length < network.dnsSearches.length;
  tell(
    'network.dns_searches',
    `dns_searches[] = ${searches.join(' ')}`,
    '. beside it stands for no search domain at all, as for podman',
    isUnset && searches.length > 0,
  );
  return told;
}
