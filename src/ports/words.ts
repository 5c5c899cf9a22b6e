import { hostSide, targetSide } from './port.js';
import type { PortRequest } from './specification.js';

/** `*:8080/tcp -> 80`, for people. */
export function inWords(port: PortRequest & { toHost: boolean }): string {
  return port.toHost
    ? `inside 127.0.0.1:${port.targetPort} -> ${hostSide(port)}`
    : `${hostSide(port)} -> ${targetSide(port)}`;
}

/** Who can connect to it. */
export function openTo({ toHost, hostIp }: { toHost: boolean; hostIp: string }): string {
  if (toHost) return 'the namespace';
  return /^(127\.|::1$)/.test(hostIp) ? 'this machine' : 'the network';
}
