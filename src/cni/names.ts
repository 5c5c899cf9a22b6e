/**
 * Names that end up in environments, file names and the kernel, looked at before anything runs.
 *
 * Codes and rules are those of libcni's utils.Validate…; the spec asks for the same in sections 1 and 2.
 *
 * @see https://github.com/containernetworking/cni/blob/main/pkg/utils/utils.go
 */

import { quote } from '../config/bad-setting.js';
import { CNI_CODE, CniError } from './error.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const NAME_HINT = 'letters and digits, and after the first one also _ . -';
/** IFNAMSIZ without its ending zero, netdevice(7). */
const MAX_IFNAME_BYTES = 15;

/** @throws CniError badEnvironment */
export function checkContainerId(id: string): void {
  if (NAME.test(id)) return;
  const msg = id === '' ? 'missing containerID' : 'invalid characters in containerID';
  throw new CniError(CNI_CODE.badEnvironment, msg, { details: id === '' ? '' : quote(id), hint: NAME_HINT });
}

/** @throws CniError badConfig */
export function checkNetworkName(name: string): void {
  if (NAME.test(name)) return;
  const msg = name === '' ? 'missing network name' : 'invalid characters found in network name';
  throw new CniError(CNI_CODE.badConfig, msg, { details: name === '' ? '' : quote(name), hint: NAME_HINT });
}

/** @throws CniError badEnvironment */
export function checkIfName(name: string): void {
  const msg = refuseIfName(name);
  if (msg === undefined) return;
  throw new CniError(CNI_CODE.badEnvironment, msg, {
    details: name === '' ? '' : quote(name),
    hint: `1 to ${MAX_IFNAME_BYTES} bytes without blanks, / and :`,
  });
}

/** dev_valid_name of the kernel, https://github.com/torvalds/linux/blob/v6.12/net/core/dev.c#L1035 */
function refuseIfName(name: string): string | undefined {
  if (name === '') return 'interface name is empty';
  if (Buffer.byteLength(name) > MAX_IFNAME_BYTES) return 'interface name is too long';
  if (name === '.' || name === '..') return 'interface name is . or ..';
  return /[/:\s\0]/.test(name) ? 'interface name contains / or : or whitespace characters' : undefined;
}

/** A path or nothing; more can only be said where it is mounted. @throws CniError badEnvironment */
export function checkNetnsPath(path: string): void {
  if (path === '' || (path.startsWith('/') && !path.includes('\0'))) return;
  throw new CniError(CNI_CODE.badEnvironment, 'the path of the network namespace must be absolute', {
    details: quote(path),
    hint: 'the path of a namespace file, such as /run/netns/NAME or /proc/PID/ns/net',
  });
}
