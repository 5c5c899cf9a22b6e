import type { Driver } from '../driver.js';

/** Loopback and bridges only: the namespace has no way out. */
export const none: Driver = {
  name: 'none',
  program: null,
  quirks: { disableDad: false, copiesHostRoutes: false, bringsUpLoopback: false, readsServersOnce: false },
  plan: () => ({ name: 'none', path: null, args: [], dnsForward: [], mapGuest: [] }),
};
