/**
 * The capability `portMappings`: the ports of the host that are to lead to the container.
 *
 * @see https://github.com/containernetworking/cni/blob/main/CONVENTIONS.md#dynamic-plugin-specific-fields-capabilities--runtime-configuration
 */

import { PORT_MAPPINGS } from '../../cni/compose.js';
import { CNI_CODE, CniError } from '../../cni/error.js';
import { kindOf, structField } from '../../cni/json.js';
import { readMapping, type MappingFields } from '../../ports/mapping.js';
import type { PortRequest } from '../../ports/specification.js';
import { isObject, type JsonObject } from '../../state/json.js';

const NAMES: Record<keyof MappingFields, string> = {
  hostIp: 'hostIP',
  hostPort: 'hostPort',
  containerPort: 'containerPort',
  protocol: 'protocol',
  range: 'range',
};

/** @throws CniError unsupportedField naming the field and its value, as the specification wants it. */
export function portMappings(capabilityArgs: JsonObject): PortRequest[] {
  const given = capabilityArgs[PORT_MAPPINGS] ?? [];
  // Asks for nothing, as a runtime may that gives it with every container.
  if (given === '' || (isObject(given) && Object.keys(given).length === 0)) return [];
  if (!Array.isArray(given)) throw refuse(PORT_MAPPINGS, `must be an array, not ${kindOf(given)}`);
  return given.flatMap((mapping, index) => {
    const where = `${PORT_MAPPINGS}[${index}]`;
    if (!isObject(mapping)) throw refuse(where, `must be an object, not ${kindOf(mapping)}`);
    const [hostIp, hostPort, containerPort, protocol] = ['hostIP', 'hostPort', 'containerPort', 'protocol'].map(
      (name) => structField(mapping, name),
    );
    return readMapping({ hostIp, hostPort, containerPort, protocol }, (field, why) => {
      throw refuse(`${where}.${NAMES[field]}`, why);
    });
  });
}

function refuse(where: string, why: string): CniError {
  return new CniError(CNI_CODE.unsupportedField, `${where} ${why}`, {
    hint: `such as {"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp","hostIP":"127.0.0.1"}]}`,
  });
}
