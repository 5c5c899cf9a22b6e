import { planPasta } from './plan.js';
import type { Driver } from '../driver.js';

/** passt's network namespace mode: https://passt.top, pasta(1). */
export const pasta: Driver = {
  name: 'pasta',
  program: 'pasta',
  plan({ config, path, features, netnsPath }) {
    const { args, dnsForward, mapGuestAddr, families } = planPasta({
      options: config.network.pastaOptions,
      netnsPath,
      quiet: config.rnetns.logLevel !== 'debug',
      features,
      readyFd: 1,
    });
    return { name: 'pasta', path, args, readyFd: 1, dnsForward, mapGuest: mapGuestAddr, families };
  },
};
