import { isOfReference } from './owner.js';
import type { Port } from './port.js';
import { parseHostSide, parseToHost } from './specification.js';

/**
 * Which ports `port delete` is to close.
 *
 * @param words - `[HOSTIP:]HOSTPORT[-END][/tcp|/udp]`, or as they were added; none: all of `id`.
 * @throws RnetnsError ERR_USAGE
 */
export function meantBy(
  words: readonly string[],
  { id, toHost = false }: { id?: string | undefined; toHost?: boolean },
) {
  const meant = words.flatMap((word) => (toHost ? parseToHost(word) : parseHostSide(word)));
  const isNamed = (port: Port): boolean =>
    port.toHost === toHost &&
    meant.some(
      ({ protocol, hostPort, hostIp }) =>
        port.protocol === protocol && port.hostPort === hostPort && (hostIp === undefined || hostIp === port.hostIp),
    );
  return (port: Port): boolean =>
    (id === undefined || isOfReference(port.owner, id)) && (words.length === 0 || isNamed(port));
}
