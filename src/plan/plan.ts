import type { DnsSettings, DriverName } from '../config/config.js';
import type { WaysOut } from './default-route.js';
import type { IdMapLine } from './id-map.js';
import type { Mount } from './mounts.js';

export interface IdMap {
  uid: IdMapLine[];
  gid: IdMapLine[];
}

/**
 * What is out of the ordinary about a driver, each by its name: whoever runs it asks for these, and not which driver it is.
 */
export interface DriverQuirks {
  /** The namespace must do without duplicate address detection while it starts. */
  disableDad: boolean;
  /**
   * It gives the namespace addresses and routes of the host's. So there are some that it can't use; and one that was
   * started while the host had no way out has to be started again when there is one.
   */
  copiesHostRoutes: boolean;
  /** Else the supervisor brings `lo` up. */
  bringsUpLoopback: boolean;
  /** It reads the host's name servers when it starts, and its DNS forwarders ask those for as long as it runs. */
  readsServersOnce: boolean;
}

/** How a driver is run, and which of its addresses the commands inside may use. */
export type DriverPlan =
  | { name: DriverName; path: null; args: []; dnsForward: []; mapGuest: []; quirks?: never }
  | {
      name: DriverName;
      path: string;
      args: string[];
      /** See scripts/driver.sh. */
      readyFd: 1 | 3;
      /** Not there, or not all: those that src/driver/drivers.ts has (`quirksOf`). */
      quirks?: Partial<DriverQuirks>;
      dnsForward: string[];
      mapGuest: string[];
      /** Which families the settings leave it; not there: both. */
      families?: WaysOut;
    };

/** Everything that making a namespace needs to know: pure, serialisable data. */
export interface Plan {
  driver: DriverPlan;
  /** null: the caller is in a user namespace that it may use, so none is made. */
  idMap: IdMap | null;
  mounts: Mount[];
  resolvConf: {
    /** With every address the driver could offer; the families that it has are known when it runs. */
    content: string;
    /** Where commands see it, or null when the host has no /etc/resolv.conf to mount it on. */
    mountTarget: string | null;
    /** The name servers in the host's /etc/resolv.conf, which a driver that starts now asks. Not there: nobody noted them. */
    asked?: string[];
    /** The sum of the host's files that it was made from: see host-sum.ts. */
    sum?: string;
    /** The settings that it was made with. */
    settings?: DnsSettings;
  };
  directory: string;
}
