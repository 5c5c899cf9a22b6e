import type { JsonObject } from '../state/json.js';
import { isObject } from '../state/json.js';
import { printable } from '../text/printable.js';

/**
 * The published ports of an attachment, as portmap(8) of CNI was given them: `8080 → 80/tcp`. Others write that file
 * too, so what isn't a mapping is left out.
 *
 * @see https://github.com/containernetworking/cni/blob/main/CONVENTIONS.md#dynamic-plugin-specific-fields-capabilities--runtime-configuration
 */
export function publishedPorts({ portMappings }: JsonObject): string[] {
  if (!Array.isArray(portMappings)) return [];
  return portMappings.filter(isObject).flatMap(({ hostPort, containerPort, protocol = 'tcp', hostIP }) => {
    if (!isPort(hostPort) || !isPort(containerPort) || typeof protocol !== 'string') return [];
    const host =
      typeof hostIP !== 'string' || hostIP === '' ? '' : hostIP.includes(':') ? `[${hostIP}]:` : `${hostIP}:`;
    return [printable(`${host}${hostPort} → ${containerPort}/${protocol.toLowerCase()}`)];
  });
}

function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535;
}
