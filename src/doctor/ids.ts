import type { DriverName } from '../config/config.js';
import { CONNECTING } from '../driver/drivers.js';

const HOST = {
  kernel: 'is the kernel new enough',
  programs: 'are the programs in PATH that every namespace needs',
  settings: 'can all settings be read',
  'runtime-dir': 'runtime and state directory: owner, mode, tmpfs, room for a file',
  'user-namespace': 'makes a user namespace',
  namespaces: 'makes a network and a mount namespace, and mounts something in it',
  'subordinate-ids': 'are there subordinate ids, and nobody else has the same',
  newuidmap: 'maps them in a user namespace, by newuidmap and newgidmap',
  tun: 'opens /dev/net/tun',
} as const;

const DRIVERS = Object.fromEntries(
  CONNECTING.map(({ name }) => [name, `starts ${name} for a scratch network namespace`]),
);

const REST = {
  ports: 'takes a free port of the loopback: what can be published here, and whom servers see as client',
  firewall: 'lists the rules of a scratch network namespace, by nft and iptables',
  'proc-sys': 'writes a sysctl of a scratch network namespace',
  systemd: "asks the user's systemd manager for an answer",
  linger: 'does that manager stay after the last session',
  'session-bus': 'connects to the D-Bus session bus that programs would use',
  limits: 'makes an inotify instance, and counts mounts against the limit',
  mounts: 'is the same thing mounted at the same place again and again',
  leftovers: 'dead parts, files and processes that namespaces or a moved package have left',
  'default-route': 'has the host a default route',
  dns: 'asks the DNS forwarder, in the namespace if it is up, else in the scratch one',
} as const;

/** Every check of `rnetns doctor`, in its order, with what it tries. The reference documentation is this list. */
export const CHECKS: Readonly<Record<string, string>> = { ...HOST, ...DRIVERS, ...REST };

export type CheckId = keyof typeof HOST | DriverName | keyof typeof REST;
export const CHECK_IDS = Object.keys(CHECKS) as CheckId[];
