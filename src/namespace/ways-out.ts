import type * as Dgram from 'node:dgram';
import { lazyRequire } from '../config/lazy-require.js';
import { runCommand } from '../exec/command.js';
import { FAR, waysOut, type WaysOut } from '../plan/default-route.js';
import { readOptional } from '../state/files.js';
import { isObject } from '../state/json.js';

/** Those of a process, by the tables that /proc shows of its network namespace: its main one, of IPv4. */
export function waysOutOf(pid: number | 'self'): WaysOut {
  const table = (file: string): string => readOptional(`/proc/${pid}/net/${file}`) ?? '';
  return waysOut(table('route'), table('ipv6_route'));
}

/** Those of the network namespace that we are in, whichever table a rule leads to (ip-rule(8)). */
export async function ownWaysOut(): Promise<WaysOut> {
  const { ipv4, ipv6 } = waysOutOf('self');
  if (ipv4 || ipv6) return { ipv4, ipv6 };
  const [by4, by6] = await Promise.all([leads('udp4', FAR.ipv4), leads('udp6', FAR.ipv6)]);
  return { ipv4: by4, ipv6: by6 };
}

/** Has the host a way out? Without one a driver may refuse to start, and that is no error. */
export async function isOnline(): Promise<boolean> {
  const { ipv4, ipv6 } = await ownWaysOut();
  return ipv4 || ipv6;
}

/** Would the kernel know where to send it? Connecting a datagram socket looks for the route, and sends nothing (udp(7)). */
async function leads(type: 'udp4' | 'udp6', address: string): Promise<boolean> {
  const { createSocket } = lazyRequire('node:dgram') as typeof Dgram;
  const socket = createSocket(type);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', resolve);
      socket.connect(53, address);
    });
    return true;
  } catch {
    return false;
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
