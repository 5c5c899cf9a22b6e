import type { DriverQuirks } from '../../plan/plan.js';
import type { ConnectingDriver } from '../driver.js';
import { DNS_FORWARD, planPasta } from './plan.js';

/** It closes all descriptors above 2 when it starts. */
const READY_FD = 1;
const QUIRKS: DriverQuirks = {
  disableDad: false,
  copiesHostRoutes: true,
  bringsUpLoopback: true,
  readsServersOnce: true,
};

/** passt's network namespace mode: https://passt.top, pasta(1). */
export const pasta: ConnectingDriver = {
  name: 'pasta',
  program: {
    file: 'pasta',
    packages: { debian: 'passt' },
    readyFd: READY_FD,
    forwarders: DNS_FORWARD,
    closedReleases: '2025 and newer',
    ownOptions: ({ network }) => network.pastaOptions,
    isRunBy: (args, netnsPath) => args.includes('--config-net') && args.includes(netnsPath),
  },
  quirks: QUIRKS,
  plan({ config, path, features, netnsPath }) {
    const { args, dnsForward, mapGuestAddr, families } = planPasta({
      options: config.network.pastaOptions,
      netnsPath,
      quiet: config.rnetns.logLevel !== 'debug',
      features,
      readyFd: READY_FD,
    });
    return {
      ...{ name: 'pasta', path, args, readyFd: READY_FD, quirks: QUIRKS },
      ...{ dnsForward, mapGuest: mapGuestAddr, families },
    };
  },
};
