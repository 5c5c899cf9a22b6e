import { refuseRequest, requestedNetworks, type NetavarkRequest } from '../../netavark/request.js';
import type { ContainerAddress } from '../../ports/container-ports.js';
import { readMapping, type MappingFields } from '../../ports/mapping.js';
import type { PortRequest } from '../../ports/specification.js';
import type { ProcessId } from '../../state/process.js';

const NAMES: Record<keyof MappingFields, string> = {
  hostIp: 'host_ip',
  hostPort: 'host_port',
  containerPort: 'container_port',
  protocol: 'protocol',
  range: 'range',
};

/**
 * The ports of a request.
 *
 * @see PortMapping, https://github.com/containers/netavark/blob/main/src/network/types.rs
 * @throws RnetnsError ERR_USAGE naming the key.
 */
export function portMappings({ port_mappings: mappings }: NetavarkRequest): PortRequest[] {
  return (mappings ?? []).flatMap(
    ({ host_ip: hostIp, host_port: hostPort, container_port: containerPort, protocol, range }, index) =>
      readMapping({ hostIp, hostPort, containerPort, protocol, range }, (field, why) =>
        refuseRequest(`port_mappings[${index}].${NAMES[field]} ${why}`),
      ),
  );
}

/** Where they may lead to: what the container has on its networks, in their order, as netavark sets them up by their names. */
export function addressesOf(request: NetavarkRequest, process: ProcessId): ContainerAddress[] {
  return requestedNetworks(request).flatMap(({ id, options }) =>
    (options.static_ips ?? []).map((ip) => ({
      ip,
      owner: {
        ...({ kind: 'attachment', by: 'netavark', process } as const),
        ...{ container: request.container_id, network: id, ifName: options.interface_name },
      },
    })),
  );
}
