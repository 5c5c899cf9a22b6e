import type { DriverQuirks } from '../../plan/plan.js';
import type { ConnectingDriver } from '../driver.js';
import { planSlirp4netns, READY_FD, TAP } from './plan.js';

// Its IPv6 would take two seconds more to come up: https://github.com/containers/podman/issues/11062.
const QUIRKS: DriverQuirks = {
  disableDad: true,
  copiesHostRoutes: false,
  bringsUpLoopback: false,
  readsServersOnce: false,
};

/** https://github.com/rootless-containers/slirp4netns, slirp4netns(1). */
export const slirp4netns: ConnectingDriver = {
  name: 'slirp4netns',
  program: {
    file: 'slirp4netns',
    packages: { debian: 'slirp4netns' },
    readyFd: READY_FD,
    ownOptions: ({ engine }) => engine.networkCmdOptions,
    isRunBy: (args, netnsPath) => args.includes(TAP) && args.includes(netnsPath),
  },
  quirks: QUIRKS,
  plan({ config, path, features, netnsPath }) {
    const { args, dns, ipv6 } = planSlirp4netns({ options: config.engine.networkCmdOptions, netnsPath, features });
    return {
      ...{ name: 'slirp4netns', path, args, readyFd: READY_FD, quirks: QUIRKS },
      ...{ dnsForward: [dns], mapGuest: [], families: { ipv4: true, ipv6 } },
    };
  },
};
