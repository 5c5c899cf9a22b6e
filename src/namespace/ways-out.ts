import type * as Dgram from 'node:dgram';
import { lazyRequire } from '../config/lazy-require.js';
import { runCommand } from '../exec/command.js';
import { FAR, waysOut, type WaysOut } from '../plan/default-route.js';
import { readOptional } from '../state/files.js';
import { isObject } from '../state/json.js';
import { namespaceInode } from '../state/process.js';

/** Texts of proc_pid_net(5). */
type Tables = [procNetRoute: string, procNetIpv6Route: string];

export function tablesOf(pid: number | 'self'): Tables {
  const table = (file: string): string => readOptional(`/proc/${pid}/net/${file}`) ?? '';
  return [table('route'), table('ipv6_route')];
}

/** Those of a process, by the tables that /proc shows of its network namespace: its main one, of IPv4. */
export function waysOutOf(pid: number | 'self'): WaysOut {
  return waysOut(...tablesOf(pid));
}

/** Those of the network namespace that we are in, whichever table a rule leads to (ip-rule(8)). */
export async function ownWaysOut(): Promise<WaysOut> {
  const { ipv4, ipv6 } = waysOutOf('self');
  if (ipv4 || ipv6) return { ipv4, ipv6 };
  const [by4, by6] = await ownSources();
  return { ipv4: by4 !== undefined, ipv6: by6 !== undefined };
}

/** Of a namespace that isn't ours only the tables tell. */
export function isOwnNetwork(pid: number | 'self'): boolean {
  return pid === 'self' || namespaceInode(pid, 'net') === namespaceInode('self', 'net');
}

/**
 * Those of the host, as a process on its network has them.
 *
 * @param pid - of the supervisor, which is on the host's network also where we are in a namespace.
 */
export async function hostWaysOut(pid: number | 'self'): Promise<WaysOut> {
  return isOwnNetwork(pid) ? ownWaysOut() : waysOutOf(pid);
}

/** Has the host a way out? Without one a driver may refuse to start, and that is no error. */
export async function isOnline(): Promise<boolean> {
  const { ipv4, ipv6 } = await ownWaysOut();
  return ipv4 || ipv6;
}

/** Of IPv4 and IPv6, the address that packets to the Internet would have; undefined without a route. */
export async function ownSources(): Promise<[string | undefined, string | undefined]> {
  return Promise.all([sourceTo('udp4', FAR.ipv4), sourceTo('udp6', FAR.ipv6)]);
}

/** Would the kernel know where to send it? Connecting a datagram socket looks for the route, and sends nothing (udp(7)). */
async function sourceTo(type: 'udp4' | 'udp6', address: string): Promise<string | undefined> {
  const { createSocket } = lazyRequire('node:dgram') as typeof Dgram;
  const socket = createSocket(type);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', resolve);
      socket.connect(53, address);
    });
    return socket.address().address;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

const FAMILIES = [
  ['ipv4', '-4'],
  ['ipv6', '-6'],
] as const;
const TIMEOUT_MS = 2000;

/**
 * What is out of the ordinary about the ways out of the network namespace that we are in; undefined when each family that
 * has one has a default route in the main table, by one gateway: the only kind that every pasta can use.
 *
 * @param only - look at this family alone.
 */
export async function oddWaysOut(
  env: Readonly<Record<string, string>>,
  only?: 'ipv4' | 'ipv6',
): Promise<string | undefined> {
  const host = await ownWaysOut();
  const looked = FAMILIES.filter(([family]) => host[family] && (only === undefined || only === family));
  const found = await Promise.all(looked.map(async ([, option]) => oddity(option, env)));
  return found.includes(undefined) ? undefined : found[0];
}

async function oddity(family: '-4' | '-6', env: Readonly<Record<string, string>>): Promise<string | undefined> {
  const args = ['-json', family, 'route', 'show', 'default'];
  const { status, stdout } = await runCommand('ip', args, { env, timeoutMs: TIMEOUT_MS });
  if (status !== 0) return undefined;
  let routes: unknown;
  try {
    routes = JSON.parse(stdout.trim() || '[]');
  } catch {
    return undefined;
  }
  const list = Array.isArray(routes) ? routes.filter(isObject) : [];
  const name = family === '-4' ? 'IPv4' : 'IPv6';
  const [route] = list;
  if (route === undefined) return `the host's ${name} routes to the Internet are no default route of its main table`;
  if (list.some((each) => typeof each.gateway === 'string' && !Array.isArray(each.nexthops))) return undefined;
  if (Array.isArray(route.nexthops)) return `the host's ${name} default route has several next hops`;
  return `the host's ${name} default route by ${String(route.dev)} has no gateway`;
}
