import { planSlirp4netns } from './plan.js';
import type { Driver } from '../driver.js';

/** https://github.com/rootless-containers/slirp4netns, slirp4netns(1). */
export const slirp4netns: Driver = {
  name: 'slirp4netns',
  program: 'slirp4netns',
  plan({ config, path, features, netnsPath }) {
    const { args, dns, ipv6 } = planSlirp4netns({ options: config.engine.networkCmdOptions, netnsPath, features });
    return {
      name: 'slirp4netns',
      path,
      args,
      readyFd: 3,
      dnsForward: [dns],
      mapGuest: [],
      families: { ipv4: true, ipv6 },
    };
  },
};
